-- the features of a customer and the set of products of an offer
select
    pairs.customer_id,
    pairs.offer_id,
    coalesce(purchases.line_count, 0)::float as set_lines,
    coalesce(purchases.recent_line_count, 0)::float as set_recent_lines,
    coalesce(purchases.decayed_lines, 0)::float as set_decayed_lines,
    coalesce(purchases.decayed_ron, 0)::float as set_decayed_ron,
    coalesce(purchases.product_count, 0)::float as set_products_bought,
    coalesce(purchases.tenure_days, 0)::float as set_tenure_days,
    coalesce(affinities.type_lines, 0)::float as set_type_lines,
    coalesce(affinities.type_expected_lines, 0)::float as set_type_expected_lines,
    coalesce(affinities.brand_expected_lines, 0)::float as set_brand_expected_lines,
    coalesce(affinities.category_expected_lines, 0)::float as set_category_expected_lines,
    (coalesce(purchases.decayed_lines, 0) / (coalesce(affinities.type_lines, 0) + 0.5))::float as set_share_of_type,
    (coalesce(purchases.decayed_lines, 0) / (coalesce(affinities.brand_lines, 0) + 0.5))::float as set_share_of_brand,
    (coalesce(purchases.decayed_ron, 0) / (coalesce(spend.net_ron, 0) + parameters.prior_ron))::float
        as set_spend_share,
    (coalesce(affinities.type_expected_ron, 0) / (coalesce(spend.net_ron, 0) + parameters.prior_ron))::float
        as set_type_spend_share,
    (coalesce(affinities.brand_expected_ron, 0) / (coalesce(spend.net_ron, 0) + parameters.prior_ron))::float
        as set_brand_spend_share,
    reach.buyer_count::float as set_buyers,
    reach.line_count::float as set_sold_lines,
    reach.net_ron::float as set_sold_ron,
    reach.product_count::float as set_products,
    reach.sold_product_count::float as set_sold_products,
    reach.type_count::float as set_types,
    reach.category_count::float as set_categories,
    reach.brand_count::float as set_brands,
    (offers.discount_ron::double * coalesce(offers.minimum_quantity::double, 1))::float as offer_value_ron,
    coalesce(offers.minimum_quantity::double, 1)::float as offer_minimum_quantity,
    (coalesce(offers.funding_share, 0) > 0)::integer::float as is_supplier_funded
from pairs
cross join parameters
inner join offers using (offer_id)
inner join reach using (offer_id)
left join purchases using (customer_id, offer_id)
left join affinities using (customer_id, offer_id)
left join spend using (customer_id)
