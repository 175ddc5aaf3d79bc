-- Who did what, to what, when, from where: lines are added, and go by their age alone (retention.audit).
create table audit (
  n bigint generated always as identity primary key,
  -- given by the writer: a line whose answer was lost is not written twice
  id uuid not null unique,
  at timestamptz(3) not null default clock_timestamp(),
  actor text not null,
  role text not null,
  tenant text,
  via text not null,
  address text,
  action text not null,
  subject text not null,
  details jsonb not null default '{}',
  refused text
);
create index audit_by_time on audit (at);
create index audit_by_tenant on audit (tenant, n);
create index audit_by_subject on audit (subject, n);

create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'Lines of the audit log are not changed';
end $$;
create trigger audit_is_not_changed before update on audit for each row execute function refuse_change();

-- The key of keyed hashes, itself sealed with the keys of this installation (docs/encryption.md): no line, no encryption.
create table sealing (
  id boolean primary key default true check (id),
  hash_key text not null,
  since timestamptz(3) not null default clock_timestamp()
);
