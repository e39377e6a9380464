"""Tables that ship with the package; read one with `forecast.reading.public_tables.builtin_table`."""
