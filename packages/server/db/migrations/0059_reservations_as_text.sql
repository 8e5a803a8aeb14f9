-- Written once and read back only after a crash: kept as they are written, for taking them apart costs the database more
-- than the rest of the row. Few reservations stand at a time, so that those of a node, or of a time, need no index; and a
-- renewal that changes no index is written in place.
alter table reservations
  alter column claims type json using claims::json,
  alter column held type json using held::json,
  alter column progress_tokens drop default,
  alter column progress_tokens type json using progress_tokens::json,
  alter column progress_tokens set default '{}';
drop index reservations__leases;
drop index reservations__node;
