-- Distributes the schema `credits` over a Citus cluster. Run it on the coordinator, as the owner of the schema, and give
-- `createCredits` the option `sharded`: then `migrate` runs it too, with whatever it applied. Run again, it does only
-- what is missing. docs/reference/engines.md says what is tested, and on which version.
--
-- Why this shape: everything of one user lives on one shard, so that an operation of one user is a transaction of
-- one node; a purchase id belongs to one user across all users, so that its table is distributed by itself; what
-- every node reads and nobody writes is copied to all nodes.

begin;

-- A trigger on a distributed table is a trigger on each of its shards. Ours look at nothing but their own row.
set local citus.enable_unsafe_triggers = on;
-- Tables and functions in one transaction: one connection per node.
set local citus.multi_shard_modify_mode = 'sequential';
set local client_min_messages = warning;

do $$
declare
  v_name text;
  v_function regprocedure;
begin
  for v_name in
    select unnest(array['installation', 'migration'])
    except
    select relname from pg_dist_partition join pg_class on pg_class.oid = logicalrelid
    where relnamespace = 'credits'::regnamespace
  loop
    perform create_reference_table(format('credits.%I', v_name));
  end loop;

  -- The referenced table first; co-located: the same user, the same node.
  for v_name in
    select wanted.name
    from unnest(array['wallet', 'batch', 'transaction', 'hold', 'subscription']) with ordinality as wanted (name, position)
    where not exists (
      select from pg_dist_partition where logicalrelid = format('credits.%I', wanted.name)::regclass
    )
    order by wanted.position
  loop
    perform create_distributed_table(
      format('credits.%I', v_name), 'user_id',
      colocate_with => case v_name when 'wallet' then 'none' else 'credits.wallet' end
    );
  end loop;

  if not exists (select from pg_dist_partition where logicalrelid = 'credits.purchase'::regclass) then
    perform create_distributed_table('credits.purchase', 'purchase_id', colocate_with => 'none');
  end if;

  -- What Citus needs to see in a statement: which shard it is about. Lines marked so are comments elsewhere, where they
  -- would mislead the planner.
  for v_name in
    select regexp_replace(pg_get_functiondef(pg_proc.oid), '/\* shard: (.*?) \*/', '\1', 'g')
    from pg_proc
    where pronamespace = 'credits'::regnamespace
      and prosrc like '%/* shard: %'
  loop
    execute v_name;
  end loop;

  -- A plan that is kept knows no shard: it is the parameters that say which.
  for v_function in
    select pg_proc.oid::regprocedure
    from pg_proc
    join pg_language on pg_language.oid = prolang and lanname = 'plpgsql'
    where pronamespace = 'credits'::regnamespace
      and provolatile <> 'i'
      and prorettype <> 'trigger'::regtype
      and not coalesce(proconfig, '{}') @> array['plan_cache_mode=force_custom_plan']
  loop
    execute format('alter function %s set plan_cache_mode = force_custom_plan', v_function);
  end loop;

  -- Functions that were there before the extension was are on the coordinator only.
  for v_function in
    select pg_proc.oid::regprocedure
    from pg_proc
    where pronamespace = 'credits'::regnamespace
      and not exists (
        select from pg_catalog.pg_dist_object
        where classid = 'pg_proc'::regclass and objid = pg_proc.oid
      )
      -- Those that take a row of a table that is the coordinator's alone stay there with it: keys and webhooks.
      and not exists (
        select
        from unnest(pg_proc.proargtypes) as argument (type)
        join pg_class on pg_class.reltype = argument.type and pg_class.relkind = 'r'
        where pg_class.relnamespace = 'credits'::regnamespace
          and not exists (select from pg_dist_partition where pg_dist_partition.logicalrelid = pg_class.oid)
      )
  loop
    perform create_distributed_function(v_function);
  end loop;

  -- Delegated, whole, to the node of the first argument's shard. Without force_delegation: inside a host's transaction
  -- of several statements the coordinator runs them, on the same shard.
  for v_function in
    select pg_proc.oid::regprocedure
    from pg_proc
    where pronamespace = 'credits'::regnamespace
      and proname = any (array[
        'consume_for', 'grant_for', 'grant_monthly_for', 'expire_for', 'upsert_subscription_for', 'get_info',
        'get_transactions', 'get_wallet', 'set_wallet_status', 'hold', 'settle', 'reverse', 'get_holds'
      ])
  loop
    perform create_distributed_function(v_function, 'p_user_id', colocate_with => 'credits.wallet');
  end loop;
end;
$$;

commit;
