"""The sandbox of Expo's push service."""
