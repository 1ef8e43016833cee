-- rows of customers with what each is, as 24 bits of a hash, which single precision holds exactly
select
    described.*,
    (md5_number_lower(coalesce(customers.segment, '')) & 16777215)::float as segment_code,
    (md5_number_lower(coalesce(customers.business_type, '')) & 16777215)::float as business_type_code,
    (md5_number_lower(coalesce(customers.store_id::varchar, '')) & 16777215)::float as store_code
from described
left join customers using (customer_id)
