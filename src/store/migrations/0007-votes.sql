-- which answer of a comparison people found best: a model, by the name of the voter's key
alter table runs add column votes jsonb;
