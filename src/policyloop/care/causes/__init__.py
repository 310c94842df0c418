"""Family: reasons why a loop does not learn; one file each, with `find(examination)`. Told with `-` where the file has `_`."""
