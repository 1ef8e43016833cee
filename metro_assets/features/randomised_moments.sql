-- customers due the day before each run date who were drawn for a uniformly random slate or for none; days on which only
-- one of the two happened say nothing of an effect
with due as (
    select
        assignments.run_date,
        assignments.customer_id,
        assignments.arm,
        assignments.probability,
        customers.store_id
    from assignments
    inner join run_dates on assignments.run_date = run_dates.run_date - 1
    inner join customers on assignments.customer_id = customers.customer_id
    where assignments.arm in ('EXPLORATION', 'HOLDOUT')
        and assignments.recorded_date < run_dates.run_date
        and customers.registered_date < assignments.run_date
        and (customers.has_email_consent or customers.has_sms_consent or customers.has_whatsapp_consent) is not false
),

chances as (
    select
        run_date,
        max(probability) filter (arm = 'EXPLORATION') as exploration_probability,
        max(probability) filter (arm = 'HOLDOUT') as holdout_probability
    from due
    group by run_date
)

select
    due.run_date,
    due.customer_id,
    due.arm,
    due.store_id,
    chances.exploration_probability
    / (chances.exploration_probability + chances.holdout_probability) as treatment_probability
from due
inner join chances using (run_date)
where chances.exploration_probability is not null and chances.holdout_probability is not null
