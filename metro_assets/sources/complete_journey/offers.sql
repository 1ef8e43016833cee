-- a coupon of a campaign. A manufacturer's coupon carries its terms in its number, as printed and so known in advance:
-- 5, five digits of the manufacturer, three of the product family, two of the value (the UPC coupon code in force until
-- 2011). What the till took off is never looked at: it is seen for redeemed coupons only, and would tell the label.
with value_codes (value_code, value, unit_count) as (
    values
        ('03', 1.10, 1), ('04', 1.35, 1), ('05', 1.40, 1), ('06', 1.60, 1), ('07', 1.50, 3),
        ('08', 3.00, 2), ('09', 2.00, 3), ('10', 0.10, 1), ('11', 1.85, 1), ('12', 0.12, 1),
        ('13', 1.00, 4), ('15', 0.15, 1), ('17', 2.10, 1), ('18', 2.60, 1), ('20', 0.20, 1),
        ('21', 0.35, 2), ('22', 0.40, 2), ('23', 0.45, 2), ('24', 0.50, 2), ('25', 0.25, 1),
        ('26', 2.85, 1), ('28', 0.55, 2), ('29', 0.29, 1), ('30', 0.30, 1), ('31', 0.60, 2),
        ('32', 0.75, 2), ('33', 1.00, 2), ('34', 1.25, 2), ('35', 0.35, 1), ('36', 1.50, 2),
        ('37', 0.25, 3), ('38', 0.30, 3), ('39', 0.39, 1), ('40', 0.40, 1), ('41', 0.50, 3),
        ('42', 1.00, 3), ('43', 1.10, 2), ('44', 1.35, 2), ('45', 0.45, 1), ('46', 1.60, 2),
        ('47', 1.75, 2), ('48', 1.85, 2), ('49', 0.49, 1), ('50', 0.50, 1), ('51', 2.00, 2),
        ('52', 0.55, 3), ('53', 0.10, 2), ('54', 0.15, 2), ('55', 0.55, 1), ('56', 0.20, 2),
        ('57', 0.25, 2), ('58', 0.30, 2), ('59', 0.59, 1), ('60', 0.60, 1), ('61', 10.00, 1),
        ('62', 9.50, 1), ('63', 9.00, 1), ('64', 8.50, 1), ('65', 0.65, 1), ('66', 8.00, 1),
        ('67', 7.50, 1), ('68', 7.00, 1), ('69', 0.69, 1), ('70', 0.70, 1), ('71', 6.50, 1),
        ('72', 6.00, 1), ('73', 5.50, 1), ('74', 5.00, 1), ('75', 0.75, 1), ('76', 1.00, 1),
        ('77', 1.25, 1), ('78', 1.50, 1), ('79', 0.79, 1), ('80', 0.80, 1), ('81', 1.75, 1),
        ('82', 2.00, 1), ('83', 2.25, 1), ('84', 2.50, 1), ('85', 0.85, 1), ('86', 2.75, 1),
        ('87', 3.00, 1), ('88', 3.25, 1), ('89', 0.89, 1), ('90', 0.90, 1), ('91', 3.50, 1),
        ('92', 3.75, 1), ('93', 4.00, 1), ('95', 0.95, 1), ('96', 4.50, 1), ('98', 0.65, 2),
        ('99', 0.99, 1)
),

coded as (
    select distinct
        offer_id,
        campaign_id,
        coupon_upc,
        campaign_type,
        valid_from_date,
        valid_to_date,
        starts_with(coupon_upc::varchar, '5') as is_manufacturers,
        substr(coupon_upc::varchar, 10, 2) as value_code
    from coupons
)

select
    coded.offer_id,
    'coupon ' || coded.coupon_upc || ' of campaign ' || coded.campaign_id as name,
    -- of Type A every household got a selection of its own, of the others the same coupons as all
    if(coded.campaign_type = 'Type A', 'PERSONALIZED', 'MONETARY_DISCOUNT') as mechanic,
    'AMOUNT' as benefit,
    true as is_personal,
    false as is_listed,
    products.category,
    coded.valid_from_date,
    coded.valid_to_date,
    (value_codes.value / value_codes.unit_count)::decimal(9, 2) as discount_ron,
    value_codes.unit_count::decimal(9, 3) as minimum_quantity,
    true as stacks_with_tiers,
    coded.is_manufacturers::integer::double as funding_share,
    'CATALOG' as channel
from coded
inner join offer_products on coded.offer_id = offer_products.offer_id and offer_products.is_anchor
inner join products on offer_products.product_id = products.product_id
left join value_codes on coded.is_manufacturers and coded.value_code = value_codes.value_code
order by coded.offer_id
