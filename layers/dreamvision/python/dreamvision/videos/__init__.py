"""Videos: creation, lifecycle, rendering, archiving, failures and the sweeper."""
