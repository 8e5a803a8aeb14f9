-- migration: expand
-- How much of each rate limit has been given out to processes. Lost in a crash of the database, which is when nobody
-- could do much anyway; so it is not worth a write-ahead log. Half of each page is free: a row is updated in place.
create unlogged table rate_windows (
  name text not null,
  ends_at timestamptz not null,
  used integer not null,
  -- The share that the last question got.
  granted integer not null,
  constraint rate_windows__pk primary key (name)
) with (fillfactor = 50);
create index rate_windows__age on rate_windows (ends_at);
grant select, insert, update, delete on rate_windows to assay_system;
