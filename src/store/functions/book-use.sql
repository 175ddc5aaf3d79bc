-- Books what reached a provider at a time, for as long as that counts. Less is booked by negative numbers: what is no longer
-- there has stopped counting.
create function book_use(p_scope text, p_at timestamptz, p_requests bigint, p_input bigint, p_output bigint)
returns void language plpgsql as $$
declare
  v_window bigint := (select (limits->>'windowMs')::bigint from limiters where scope = p_scope);
  v_step bigint := greatest(1, v_window / 60);
  v_until timestamptz;
begin
  if v_window is null or (p_requests = 0 and p_input = 0 and p_output = 0) then return; end if;
  v_until := to_timestamp(ceil((extract(epoch from p_at) * 1000 + v_window) / v_step) * v_step / 1000.0);
  if v_until <= clock_timestamp() then return; end if;
  update limit_uses set requests = requests + p_requests, input_tokens = input_tokens + p_input,
    output_tokens = output_tokens + p_output
  where scope = p_scope and until = v_until;
  if found or p_requests < 0 or p_input < 0 then return; end if;
  insert into limit_uses (scope, until, requests, input_tokens, output_tokens)
  values (p_scope, v_until, p_requests, p_input, p_output);
  delete from limit_uses where scope = p_scope and until < clock_timestamp() - interval '1 second';
end $$;
