"""A sandbox server that speaks the wire protocol of Runway's API."""
