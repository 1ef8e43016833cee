-- the set of products of every offer; its lead product is the one that was sold most before the campaign began
with sold as (
    select coupons.offer_id, coupons.product_id, count(*) as line_count
    from coupons
    inner join lines
        on coupons.product_id = lines.product_id
        and lines.ordered_at < coupons.valid_from_date
    group by coupons.offer_id, coupons.product_id
)

select
    coupons.offer_id,
    coupons.product_id,
    row_number() over (
        partition by coupons.offer_id order by coalesce(sold.line_count, 0) desc, coupons.product_id
    ) = 1 as is_anchor
from coupons
left join sold using (offer_id, product_id)
order by coupons.offer_id, coupons.product_id
