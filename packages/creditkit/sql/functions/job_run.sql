-- The runs of the jobs and of the audit, for an operator to see that they happen (rule 28).

-- Writes down that a run begins, and forgets the oldest runs of its job.
create or replace function credits.start_job(p_id uuid, p_job text, p_now timestamptz)
returns jsonb
language plpgsql
as $$
declare
  c_kept constant integer := 100;
begin
  insert into credits.job_run (id, job, started_at)
  values (p_id, p_job, credits.clock(p_now))
  on conflict (id) do nothing;
  delete from credits.job_run
  where job_run.job = p_job
    and job_run.id in (
      select old.id
      from credits.job_run as old
      where old.job = p_job
      order by old.started_at desc, old.id desc
      offset c_kept
    );
  return '{}';
end;
$$;

-- Writes down how a run ended: its result, or the error that broke it.
create or replace function credits.finish_job(p_id uuid, p_result jsonb, p_error text, p_now timestamptz)
returns jsonb
language plpgsql
as $$
begin
  update credits.job_run
  set
    finished_at = greatest(job_run.started_at, credits.clock(p_now)),
    result = p_result,
    error = p_error
  where job_run.id = p_id;
  return '{}';
end;
$$;

-- The newest runs, newest first: [{id, job, started_at, finished_at, result, error}], instants in milliseconds. p_job null: of all jobs.
create or replace function credits.get_job_runs(p_job text, p_limit integer)
returns jsonb
language plpgsql
stable
as $$
begin
  return (
    select coalesce(
      jsonb_agg(
        jsonb_build_object(
          'id', run.id,
          'job', run.job,
          'started_at', floor(extract(epoch from run.started_at) * 1000),
          'finished_at', floor(extract(epoch from run.finished_at) * 1000),
          'result', run.result,
          'error', run.error
        )
        order by run.started_at desc, run.id desc
      ),
      '[]'
    )
    from (
      select job_run.*
      from credits.job_run
      where p_job is null
        or job_run.job = p_job
      order by job_run.started_at desc, job_run.id desc
      limit p_limit
    ) as run
  );
end;
$$;
