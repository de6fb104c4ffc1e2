"""One trace: from the service's JSON to rows, from rows to the screen; one record, proven again."""
