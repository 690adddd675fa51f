"""Devices that receive push notifications."""
