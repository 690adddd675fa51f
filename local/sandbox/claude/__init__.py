"""A sandbox server that speaks the wire protocol of Claude's Messages API."""
