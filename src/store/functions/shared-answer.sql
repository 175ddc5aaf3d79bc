-- The answer that an equal request has had of one of the models, of the first of them; null where there is none. p is as begin_call's `shared`.
create function shared_answer(p jsonb) returns jsonb language plpgsql stable as $$
declare
  v_models text[] := array(select jsonb_array_elements_text(p->'models'));
begin
  return (select reply from cache
    where tenant = p->>'tenant' and request_hash = p->>'hash' and model = any (v_models) and expires_at > now()
    order by array_position(v_models, model) limit 1);
end $$;
