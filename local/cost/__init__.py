"""What the stack costs: docs/COST.md, computed from the template, recorded capacity and published prices."""
