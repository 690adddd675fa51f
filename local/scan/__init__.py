"""Scanners of other vendors: checkov for the templates, pip-audit for the dependencies."""
