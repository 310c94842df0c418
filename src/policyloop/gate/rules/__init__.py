"""Family: rules that a refresh must pass; one file each. Written in YAML with `-` where the file has `_`."""
