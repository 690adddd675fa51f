"""Push notifications about finished videos."""
