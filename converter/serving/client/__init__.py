"""Clients of a served model: REST in rows, REST in columns, gRPC; numpy in, numpy out."""
