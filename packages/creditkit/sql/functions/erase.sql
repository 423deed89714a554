-- A user who leaves: the books go on under a pseudonym, the words go (rule 26).

-- Gives up what is left in a user's wallet, closes it, and puts a pseudonym in the place of the user's id wherever it stands; erases
-- descriptions, metadata, the host's keys and receipts. Purchase ids and a provider's names stay: refunds are matched by them.
--
-- p_pseudonym: `erased:…`, made by the caller for this call.
-- Returns {pseudonym, forfeited, replayed}, or {code}.
-- Locks: the wallet, then the user's rows of payments.
-- Codes: SUBSCRIPTION_ACTIVE: a provider would go on charging for a user who is gone.
create or replace function credits.erase_user(p_user_id text, p_pseudonym text, p_now timestamptz)
returns jsonb
language plpgsql
as $$
declare
  v_hash constant bytea := sha256(convert_to(p_user_id, 'UTF8'));
  v_wallet credits.wallet;
  v_erased credits.erased_user;
  v_hold_ids uuid[];
  v_hold_id uuid;
  v_payment_ids text[];
  v_at timestamptz;
  v_left bigint := 0;
begin
  select wallet.* into v_wallet from credits.wallet where wallet.user_id = p_user_id for update;
  v_at := greatest(v_wallet.last_at, credits.clock(p_now));
  if v_wallet.user_id is null then
    select erased_user.* into v_erased from credits.erased_user where erased_user.user_hash = v_hash;
    if v_erased.pseudonym is not null then
      return jsonb_build_object(
        'pseudonym', v_erased.pseudonym, 'forfeited', v_erased.forfeited, 'replayed', v_erased.pseudonym <> p_pseudonym
      );
    end if;
  end if;
  if exists (
    select
    from credits.subscription
    where subscription.user_id = p_user_id
      and subscription.plan_id <> 'free'
      and subscription.status in ('active', 'trialing', 'past_due')
      and not subscription.cancels_at_period_end
  ) then
    return jsonb_build_object('code', 'SUBSCRIPTION_ACTIVE');
  end if;

  if v_wallet.user_id is not null then
    perform credits.end_timed_out_holds(array[p_user_id], v_at, null);
    select array_agg(hold.id order by hold.created_at, hold.id)
    into v_hold_ids
    from credits.hold
    where hold.user_id = p_user_id
      and hold.status = 'open';
    foreach v_hold_id in array coalesce(v_hold_ids, '{}') loop
      perform credits.settle(
        p_user_id,
        jsonb_build_object('id', credits.uuid_v7(v_at), 'hold_id', v_hold_id, 'amount', 0, 'grace_seconds', 0),
        p_now
      );
    end loop;
    select greatest(0, credits.free_credits(p_user_id, v_at) - wallet.debt)
    into v_left
    from credits.wallet
    where wallet.user_id = p_user_id;
    if v_left > 0 then
      perform credits.deduct(p_user_id, jsonb_build_object('id', credits.uuid_v7(v_at), 'amount', v_left), p_now);
    end if;

    -- The new row first: the user's other rows refer to it.
    select wallet.* into v_wallet from credits.wallet where wallet.user_id = p_user_id;
    v_wallet.user_id := p_pseudonym;
    v_wallet.status := 'closed';
    insert into credits.wallet
    select closed.*
    from unnest(array[v_wallet]) as closed;
    update credits.batch
    set user_id = p_pseudonym
    where batch.user_id = p_user_id;
    update credits.hold
    set user_id = p_pseudonym, key = null, metadata = null
    where hold.user_id = p_user_id;
    perform set_config('credits.erasing', p_user_id || ' as ' || p_pseudonym, true);
    update credits.transaction
    set
      user_id = p_pseudonym,
      debit_account = regexp_replace(debit_account, '^WALLET:.*$', 'WALLET:' || p_pseudonym),
      credit_account = regexp_replace(credit_account, '^WALLET:.*$', 'WALLET:' || p_pseudonym),
      key = credits.erased_key(transaction),
      description = null,
      metadata = null
    where transaction.user_id = p_user_id;
    perform set_config('credits.erasing', '', true);
    delete from credits.wallet
    where wallet.user_id = p_user_id;
  end if;

  perform credits.erase_webhook_messages(p_user_id, p_pseudonym);
  update credits.subscription
  set user_id = p_pseudonym
  where subscription.user_id = p_user_id;
  update credits.purchase
  set user_id = p_pseudonym
  where purchase.user_id = p_user_id;
  update credits.payment
  set user_id = p_pseudonym, receipt_url = null
  where payment.user_id = p_user_id;
  update credits.provider_object
  set user_id = p_pseudonym
  where provider_object.user_id = p_user_id;
  select array_agg(substr(known.name, 9))
  into v_payment_ids
  from credits.provider_object as known
  join credits.payment on payment.provider = known.provider and payment.payment_id = known.payment_id
  where payment.user_id = p_pseudonym
    and starts_with(known.name, 'payment:');
  update credits.provider_event as inbox
  set
    event = (inbox.event - 'receipt_url')
      || case when inbox.event ->> 'user_id' = p_user_id then jsonb_build_object('user_id', p_pseudonym) else '{}' end,
    result = inbox.result
      || case when inbox.result ->> 'user_id' = p_user_id then jsonb_build_object('user_id', p_pseudonym) else '{}' end
  where inbox.event ->> 'user_id' = p_user_id
    or inbox.result ->> 'user_id' = p_user_id
    or inbox.event -> 'payment_ids' ?| v_payment_ids;

  insert into credits.erased_user (user_hash, pseudonym, erased_at, forfeited)
  values (v_hash, p_pseudonym, v_at, v_left)
  on conflict (user_hash) do nothing;
  return jsonb_build_object('pseudonym', p_pseudonym, 'forfeited', v_left, 'replayed', false);
end;
$$;

-- A provider's message about a user who was erased meanwhile is about the pseudonym: a refund still finds its purchase.
create or replace function credits.under_pseudonym(p_event jsonb)
returns jsonb
language plpgsql
stable
as $$
begin
  return p_event || coalesce(
    (
      select jsonb_build_object('user_id', erased_user.pseudonym)
      from credits.erased_user
      where erased_user.user_hash = sha256(convert_to(p_event ->> 'user_id', 'UTF8'))
    ),
    '{}'
  );
end;
$$;
