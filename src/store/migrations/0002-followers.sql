-- Which runs are followed by readers of which process: others' writers notify of those alone. Unlogged: what a crash of the
-- database takes, its processes say again when they reconnect. A process that dies leaves rows that expire.
create unlogged table followers (
  chain text not null,
  origin text not null,
  until timestamptz not null,
  primary key (chain, origin)
);
create index followers_by_expiry on followers (until);
