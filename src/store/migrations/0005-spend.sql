-- what caches saved: of a cached line, what its answer had cost; of another, what the provider's own cache took off (less
-- than 0 where writing into it cost more). Null where it is not known, and on lines of versions before.
alter table ledger add column saved_usd numeric(24, 12);

-- spending is summed up over days: of all, and of one tenant
create index ledger_by_time on ledger (at);
create index ledger_by_tenant_and_time on ledger (tenant, at);
drop index ledger_by_tenant;

-- what a timeline tells, few among the events of a run; whatever asks for some of these types is served by it
create index events_of_steps on events (chain, seq)
  where type in ('step.started', 'step.completed', 'step.failed', 'call.retrying', 'call.fallback', 'call.hedged',
    'call.abandoned', 'tool.started', 'tool.completed', 'approval.requested', 'approval.resolved');
drop index events_of_timeline;
