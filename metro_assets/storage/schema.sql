-- The data contract: every table of the warehouse, its types, keys, ranges and units.
-- A table with a `run_date` column is partitioned by it: the column is the partition's folder, not stored in the file.
-- An event table also has `recorded_date`, the day on which the row became known; a run for D sees recorded_date < D.
-- Money is net of VAT, in RON; DECIMAL, so that sums do not depend on the order of rows.

-- source: master data --------------------------------------------------------------------------------------------

create table customers (
    customer_id integer primary key,
    name varchar not null,
    segment varchar not null,
    business_type varchar not null,
    legal_form varchar,
    cui varchar,
    metro_card varchar,
    county varchar,
    city varchar,
    store_id smallint,
    store_name varchar,
    registered_date date not null,
    founded_date date,
    has_email_consent boolean,
    has_sms_consent boolean,
    has_whatsapp_consent boolean
);
comment on table customers is 'One row is a registered business that holds a Metro card.';
comment on column customers.customer_id is 'number of the customer';
comment on column customers.name is 'name of the business; in no log or preview';
comment on column customers.county is 'county of the business';
comment on column customers.city is 'town of the business';
comment on column customers.store_name is 'name of the home store';
comment on column customers.segment is 'HORECA, TRADER, SCO, FREELANCER or UNKNOWN (vocabulary.Segment)';
comment on column customers.business_type is 'vocabulary.BusinessType, e.g. PIZZERIA, KIOSK, SCHOOL';
comment on column customers.legal_form is 'SRL, SA, PFA, II, institution …';
comment on column customers.cui is 'Romanian fiscal code with its check digit';
comment on column customers.metro_card is 'card number';
comment on column customers.store_id is 'home store';
comment on column customers.registered_date is 'day of registration; a run for D knows customers registered before D';
comment on column customers.founded_date is 'day the company was founded; its anniversary is its birthday';
comment on column customers.has_email_consent is 'may be sent offers by e-mail; null: not known, so nothing is sent';
comment on column customers.has_sms_consent is 'may be sent offers by SMS; null: not known, so nothing is sent';
comment on column customers.has_whatsapp_consent is 'may be sent offers by WhatsApp; null: not known, so nothing is sent';

create table products (
    product_id integer primary key,
    name varchar not null,
    brand varchar,
    is_own_brand boolean,
    category varchar not null,
    subcategory varchar,
    unit varchar not null,
    pack_size varchar,
    is_tagespreis boolean not null,
    vat_share double check (vat_share between 0 and 1),
    cost_ron decimal(9, 2) check (cost_ron >= 0),
    base_price_ron decimal(9, 2) not null check (base_price_ron > 0),
    tier2_quantity decimal(9, 3) check (tier2_quantity > 0),
    tier2_price_ron decimal(9, 2) check (tier2_price_ron > 0),
    tier3_quantity decimal(9, 3) check (tier3_quantity > 0),
    tier3_price_ron decimal(9, 2) check (tier3_price_ron > 0),
    check (tier2_price_ron <= base_price_ron),
    check (tier3_price_ron <= tier2_price_ron),
    check (tier3_quantity > tier2_quantity)
);
comment on table products is 'One row is a product of the assortment with its permanent price tiers.';
comment on column products.product_id is 'number of the product';
comment on column products.name is 'name on the price tag';
comment on column products.brand is 'brand on the pack; null: none';
comment on column products.is_own_brand is 'one of the wholesaler''s own brands (vocabulary.OwnBrand); null: not known';
comment on column products.subcategory is 'shelf within the category';
comment on column products.pack_size is 'what one unit of sale holds';
comment on column products.category is 'one of the 21 categories (vocabulary.Category), in a company''s files any word; UNKNOWN: not known';
comment on column products.unit is 'unit of sale and of the tier thresholds: buc, kg, l, bax, set';
comment on column products.is_tagespreis is 'priced anew every day: see daily_prices';
comment on column products.vat_share is 'VAT rate as a share; prices exclude it';
comment on column products.cost_ron is 'purchase cost per unit, RON; optional in a company''s files';
comment on column products.base_price_ron is 'tier 1: price per unit from one unit, RON';
comment on column products.tier2_quantity is 'units from which tier 2 holds';
comment on column products.tier2_price_ron is 'tier 2 price per unit, RON';
comment on column products.tier3_quantity is 'units from which tier 3 holds; null: two tiers only';
comment on column products.tier3_price_ron is 'tier 3 price per unit, RON';

create table daily_prices (
    run_date date not null,
    product_id integer primary key references products (product_id),
    cost_ron decimal(9, 2) check (cost_ron >= 0),
    base_price_ron decimal(9, 2) not null check (base_price_ron > 0),
    tier2_price_ron decimal(9, 2) check (tier2_price_ron > 0),
    tier3_price_ron decimal(9, 2) check (tier3_price_ron > 0)
);
comment on table daily_prices is 'One row is the Tagespreis of a product in force on the run date, fixed the evening before.';
comment on column daily_prices.cost_ron is 'purchase cost per unit, RON';
comment on column daily_prices.base_price_ron is 'tier 1 price per unit, RON';
comment on column daily_prices.tier2_price_ron is 'tier 2 price per unit, RON';
comment on column daily_prices.tier3_price_ron is 'tier 3 price per unit, RON';

create table offers (
    run_date date not null,
    offer_id integer primary key,
    name varchar not null,
    mechanic varchar not null,
    benefit varchar not null,
    is_personal boolean not null,
    is_listed boolean not null,
    category varchar not null,
    valid_from_date date not null,
    valid_to_date date not null,
    discount_share double check (discount_share between 0 and 1),
    discount_ron decimal(9, 2) check (discount_ron >= 0),
    minimum_quantity decimal(9, 3) check (minimum_quantity > 0),
    free_quantity decimal(9, 3) check (free_quantity > 0),
    gift_product_id integer,
    unlocked_tier tinyint check (unlocked_tier in (2, 3)),
    stacks_with_tiers boolean not null,
    funding_share double check (funding_share between 0 and 1),
    channel varchar not null,
    store_ids smallint[],
    maximum_redemptions smallint,
    check (valid_from_date <= valid_to_date)
);
comment on table offers is 'One row is an offer live on the run date, as announced before it.';
comment on column offers.offer_id is 'number of the offer; none is used twice';
comment on column offers.name is 'what the flyer says';
comment on column offers.mechanic is 'one of the twelve (vocabulary.OfferMechanic), in a company''s files any word; UNKNOWN: not known';
comment on column offers.benefit is 'how it lowers the price (vocabulary.Benefit): PERCENT, AMOUNT, GIFT, BONUS_UNITS, TIER_UNLOCK; UNSTATED: not known';
comment on column offers.is_personal is 'redeemable only by a customer to whom it was shown; else by everyone in its stores';
comment on column offers.is_listed is 'only the customers of offer_audience may be shown it';
comment on column offers.category is 'category of the anchor product';
comment on column offers.valid_from_date is 'first day, inclusive';
comment on column offers.valid_to_date is 'last day, inclusive';
comment on column offers.discount_share is 'PERCENT: share off the price';
comment on column offers.discount_ron is 'AMOUNT: RON off per unit';
comment on column offers.minimum_quantity is 'units of one product to buy in one order before the benefit holds; null: 1';
comment on column offers.free_quantity is 'BONUS_UNITS: units free for every minimum_quantity bought';
comment on column offers.gift_product_id is 'GIFT: the product given once per order; its permanent base price is taken off';
comment on column offers.unlocked_tier is 'TIER_UNLOCK: this tier''s price holds whatever the quantity';
comment on column offers.stacks_with_tiers is 'true: the benefit applies on top of the tier price; false: the buyer pays the better of tier price and offer price on the base price';
comment on column offers.funding_share is 'share of the discount that the supplier pays';
comment on column offers.channel is 'CATALOG, EMAIL, SMS, WHATSAPP or STORE (vocabulary.Channel); a personal offer''s main channel';
comment on column offers.store_ids is 'stores where it holds; null: all';
comment on column offers.maximum_redemptions is 'times one customer may redeem it; null: no limit';

create table offer_products (
    run_date date not null,
    offer_id integer references offers (offer_id),
    product_id integer references products (product_id),
    is_anchor boolean not null,
    primary key (offer_id, product_id)
);
comment on table offer_products is 'One row is a product that a live offer covers.';
comment on column offer_products.is_anchor is 'the offer''s lead product, exactly one per offer: the price tag shows it';

create table offer_audience (
    run_date date not null,
    offer_id integer references offers (offer_id),
    customer_id integer references customers (customer_id),
    primary key (offer_id, customer_id)
);
comment on table offer_audience is 'One row is a customer who may be shown a listed offer on the run date (a birthday, a lapse, a web visit, a welcome).';

-- source: events -------------------------------------------------------------------------------------------------

create table orders (
    run_date date not null,
    order_id bigint primary key,
    customer_id integer not null references customers (customer_id),
    store_id smallint,
    ordered_at timestamp not null,
    line_count smallint not null check (line_count > 0),
    net_ron decimal(12, 2) not null check (net_ron >= 0),
    recorded_date date not null
);
comment on table orders is 'One row is a basket paid on the run date.';
comment on column orders.order_id is 'number of the basket';
comment on column orders.store_id is 'store of the purchase';
comment on column orders.line_count is 'lines of the basket';
comment on column orders.ordered_at is 'Europe/Bucharest wall time';
comment on column orders.net_ron is 'sum of its lines, RON';
comment on column orders.recorded_date is 'day on which the row became known';

create table order_items (
    run_date date not null,
    order_id bigint references orders (order_id),
    customer_id integer not null references customers (customer_id),
    product_id integer references products (product_id),
    quantity decimal(9, 3) not null check (quantity > 0),
    tier tinyint check (tier between 1 and 3),
    unit_price_ron decimal(9, 2) not null check (unit_price_ron >= 0),
    net_ron decimal(12, 2) not null check (net_ron >= 0),
    offer_id integer,
    recorded_date date not null,
    primary key (order_id, product_id)
);
comment on table order_items is 'One row is a product line of a basket paid on the run date.';
comment on column order_items.product_id is 'product bought';
comment on column order_items.quantity is 'units of sale (products.unit)';
comment on column order_items.tier is 'price tier reached by the quantity';
comment on column order_items.unit_price_ron is 'price paid per unit, offers and tiers included, RON';
comment on column order_items.net_ron is 'quantity x unit price, RON';
comment on column order_items.offer_id is 'offer redeemed on the line; null: none';
comment on column order_items.recorded_date is 'day on which the row became known';

create table assignments (
    run_date date not null,
    customer_id integer primary key references customers (customer_id),
    arm varchar not null,
    probability double not null check (probability > 0 and probability <= 1),
    recorded_date date not null
);
comment on table assignments is 'One row is a customer due for a slate on the run date and the randomised arm it fell in.';
comment on column assignments.arm is 'POLICY (logging policy), EXPLORATION (uniformly random slate) or HOLDOUT (no slate) (vocabulary.Arm)';
comment on column assignments.probability is 'probability with which the arm was drawn';
comment on column assignments.recorded_date is 'day on which the row became known';

create table impressions (
    run_date date not null,
    impression_id bigint primary key,
    slate_id bigint not null,
    customer_id integer not null references customers (customer_id),
    offer_id integer not null references offers (offer_id),
    shown_at timestamp not null,
    channel varchar,
    position tinyint check (position >= 1),
    policy varchar not null,
    propensity double check (propensity > 0 and propensity <= 1),
    recorded_date date not null
);
comment on table impressions is 'One row is an offer shown to a customer on the run date.';
comment on column impressions.impression_id is 'number of the impression';
comment on column impressions.offer_id is 'offer shown';
comment on column impressions.shown_at is 'Europe/Bucharest wall time';
comment on column impressions.slate_id is 'list in which it was shown';
comment on column impressions.channel is 'EMAIL, SMS or WHATSAPP; null: not known';
comment on column impressions.position is 'place in the list, 1 is the top; null: unknown';
comment on column impressions.policy is 'policy that chose the slate: logging or exploration, with its version';
comment on column impressions.propensity is 'probability with which the policy put this offer into the slate; null: unknown';
comment on column impressions.recorded_date is 'day on which the row became known';

create table redemptions (
    run_date date not null,
    redemption_id bigint primary key,
    customer_id integer not null references customers (customer_id),
    offer_id integer not null references offers (offer_id),
    impression_id bigint,
    order_id bigint references orders (order_id),
    product_id integer references products (product_id),
    redeemed_at timestamp not null,
    discount_ron decimal(9, 2) check (discount_ron >= 0),
    recorded_date date not null
);
comment on table redemptions is 'One row is an order line bought under an offer on the run date.';
comment on column redemptions.order_id is 'order of the line; null: not known';
comment on column redemptions.product_id is 'product of the line; null: not known';
comment on column redemptions.redemption_id is 'number of the redemption';
comment on column redemptions.offer_id is 'offer redeemed';
comment on column redemptions.redeemed_at is 'Europe/Bucharest wall time';
comment on column redemptions.impression_id is 'newest impression of the offer to the customer during its validity; null: a catalogue offer redeemed unseen';
comment on column redemptions.discount_ron is 'RON off the line against the tier price at its quantity; null: not known';
comment on column redemptions.recorded_date is 'day on which the row became known';

create table web_visits (
    run_date date not null,
    customer_id integer references customers (customer_id),
    product_id integer references products (product_id),
    viewed_at timestamp not null,
    recorded_date date not null,
    primary key (customer_id, product_id)
);
comment on table web_visits is 'One row is a product that a customer looked at in the web shop on the run date.';
comment on column web_visits.product_id is 'product looked at';
comment on column web_visits.viewed_at is 'Europe/Bucharest wall time';
comment on column web_visits.recorded_date is 'day on which the row became known';

-- features -------------------------------------------------------------------------------------------------------

create table customer_products (
    run_date date not null,
    customer_id integer references customers (customer_id),
    product_id integer references products (product_id),
    order_count integer not null check (order_count > 0),
    usual_quantity double not null check (usual_quantity > 0),
    net_ron decimal(14, 2) not null,
    offer_ron decimal(14, 2) not null,
    tier_line_count integer,
    first_date date not null,
    last_date date not null,
    cycle_days double check (cycle_days > 0),
    primary key (customer_id, product_id)
);
comment on table customer_products is 'One row is a product that a customer bought in the 90 days before the run date.';
comment on column customer_products.order_count is 'orders with the product';
comment on column customer_products.usual_quantity is 'mean units per order';
comment on column customer_products.net_ron is 'spend, RON';
comment on column customer_products.offer_ron is 'spend on lines bought under an offer, RON';
comment on column customer_products.tier_line_count is 'lines bought at tier 2 or 3; null: tiers are not known';
comment on column customer_products.first_date is 'first purchase in the window';
comment on column customer_products.last_date is 'last purchase in the window';
comment on column customer_products.cycle_days is 'mean days between purchases; null: bought once';

create table customer_features (
    run_date date not null,
    customer_id integer primary key references customers (customer_id),
    recency_days double check (recency_days > 0),
    frequency_orders double not null check (frequency_orders >= 0),
    monetary_ron double not null check (monetary_ron >= 0),
    avg_basket_ron double check (avg_basket_ron >= 0),
    promo_affinity double check (promo_affinity between 0 and 1),
    category_entropy double check (category_entropy >= 0),
    own_brand_share double check (own_brand_share between 0 and 1),
    tier_affinity double check (tier_affinity between 0 and 1)
);
comment on table customer_features is 'One row is a customer as known at the opening of the run date; windows of 90 days.';
comment on column customer_features.recency_days is 'days since the last order; null: none in the window';
comment on column customer_features.frequency_orders is 'orders in the window';
comment on column customer_features.monetary_ron is 'net spend in the window, RON';
comment on column customer_features.avg_basket_ron is 'monetary_ron / frequency_orders; null: no order';
comment on column customer_features.promo_affinity is 'share of spend on lines bought under an offer';
comment on column customer_features.category_entropy is 'Shannon entropy of spend over categories, nats';
comment on column customer_features.own_brand_share is 'share of spend on own brands';
comment on column customer_features.tier_affinity is 'share of lines bought at tier 2 or 3';

create table offer_features (
    run_date date not null,
    offer_id integer primary key references offers (offer_id),
    discount_depth double check (discount_depth between 0 and 1),
    margin_impact_ron double,
    days_until_expiry double not null check (days_until_expiry >= 0),
    offer_redemption_rate double not null check (offer_redemption_rate between 0 and 1),
    typical_quantity double not null check (typical_quantity > 0),
    usual_unit_price_ron double not null,
    offer_unit_price_ron double,
    offer_margin_ron double
);
comment on table offer_features is 'One row is an offer live on the run date, as known at its opening.';
comment on column offer_features.discount_depth is 'effective share off the price that customers would else pay at the typical quantity, tiers included; mean over the offer''s products; null: the offer states no benefit';
comment on column offer_features.margin_impact_ron is 'change of the margin per unit that the offer causes, supplier funding included, RON; null: cost unknown';
comment on column offer_features.days_until_expiry is 'valid_to_date - run date, days';
comment on column offer_features.offer_redemption_rate is 'smoothed redemptions / impressions of the offer''s mechanic x category before the run date';
comment on column offer_features.typical_quantity is 'units per line of the anchor product in the window, geometric mean over all customers, at least the offer''s minimum';
comment on column offer_features.usual_unit_price_ron is 'anchor''s unit price at the typical quantity without the offer, RON';
comment on column offer_features.offer_unit_price_ron is 'anchor''s unit price at the typical quantity with the offer, RON';
comment on column offer_features.offer_margin_ron is 'anchor''s margin per unit with the offer, supplier funding included, RON';

create table interaction_features (
    run_date date not null,
    customer_id integer references customers (customer_id),
    offer_id integer references offers (offer_id),
    bought_before float not null check (bought_before in (0, 1)),
    category_affinity_score float check (category_affinity_score >= 0),
    price_sensitivity_match float check (price_sensitivity_match between 0 and 1),
    days_since_product float check (days_since_product >= 0),
    product_purchases float not null check (product_purchases >= 0),
    primary key (customer_id, offer_id)
);
comment on table interaction_features is 'One row is a candidate (customer x offer) with the features of the pair at the opening of the run date.';
comment on column interaction_features.bought_before is '1 if one of the offer''s products was bought in the window';
comment on column interaction_features.category_affinity_score is 'the category''s share in the customer''s spend over its share in the segment''s spend';
comment on column interaction_features.price_sensitivity_match is 'how the offer''s depth fits the depths that the customer reacted to, 0..1';
comment on column interaction_features.days_since_product is 'days since the offer''s products were last bought over the customer''s own cycle; capped; null: never in the window';
comment on column interaction_features.product_purchases is 'order lines of the offer''s products in the window';

create table candidate_margins (
    run_date date not null,
    customer_id integer references customers (customer_id),
    offer_id integer references offers (offer_id),
    usual_quantity float not null check (usual_quantity > 0),
    usual_margin_ron float,
    offer_margin_ron float,
    primary key (customer_id, offer_id)
);
comment on table candidate_margins is 'One row is a candidate (customer x offer) with what a purchase would earn at the units that this customer buys.';
comment on column candidate_margins.usual_quantity is 'this customer''s usual units per order of the offer''s product that they buy most, else the typical ones of its anchor; at least the offer''s minimum';
comment on column candidate_margins.usual_margin_ron is 'margin per unit without the offer, tiers included, RON; null: cost unknown';
comment on column candidate_margins.offer_margin_ron is 'margin per unit with the offer, supplier funding included, RON; null: cost or benefit unknown';

create table training_examples (
    run_date date not null,
    impression_id bigint primary key,
    slate_id bigint not null,
    customer_id integer not null references customers (customer_id),
    offer_id integer not null,
    shown_date date not null,
    valid_to_date date not null,
    position tinyint,
    policy varchar not null,
    propensity double,
    recency_days float,
    frequency_orders float,
    monetary_ron float,
    avg_basket_ron float,
    promo_affinity float,
    category_entropy float,
    own_brand_share float,
    tier_affinity float,
    discount_depth float,
    margin_impact_ron float,
    days_until_expiry float,
    offer_redemption_rate float,
    bought_before float,
    category_affinity_score float,
    price_sensitivity_match float,
    days_since_product float,
    product_purchases float
);
comment on table training_examples is 'One row is an impression of the day before the run date with the features as they stood when it was shown; the label is joined when a ranker is fitted.';
comment on column training_examples.propensity is 'probability with which the policy put the offer into the slate';
comment on column training_examples.shown_date is 'day of the impression = run date - 1; the features know only what was recorded before it';

create table uplift_examples (
    run_date date not null,
    customer_id integer references customers (customer_id),
    offer_id integer,
    shown_date date not null,
    valid_to_date date not null,
    is_treated boolean not null,
    treatment_probability double not null check (treatment_probability > 0 and treatment_probability < 1),
    position tinyint check (position >= 1),
    recency_days float,
    frequency_orders float,
    monetary_ron float,
    avg_basket_ron float,
    promo_affinity float,
    category_entropy float,
    own_brand_share float,
    tier_affinity float,
    discount_depth float,
    margin_impact_ron float,
    days_until_expiry float,
    offer_redemption_rate float,
    bought_before float,
    category_affinity_score float,
    price_sensitivity_match float,
    days_since_product float,
    product_purchases float,
    primary key (customer_id, offer_id)
);
comment on table uplift_examples is 'One row is a customer and an offer of a randomised moment of the day before the run date: shown in a random slate, or held out with an offer that could have been shown; outcomes are joined when a learner is fitted.';
comment on column uplift_examples.shown_date is 'day of the moment = run date - 1; the features know only what was recorded before it';
comment on column uplift_examples.is_treated is 'true: the random slate showed the offer; false: the customer was held out, no slate came';
comment on column uplift_examples.treatment_probability is 'probability of having been shown the offer, given that the pair is an example';
comment on column uplift_examples.position is 'place in the random slate; null: held out';

-- embeddings ------------------------------------------------------------------------------------------------------

create table product_vectors (
    run_date date not null,
    product_id integer primary key references products (product_id),
    vector float[] not null,
    context_vector float[] not null,
    basket_count integer not null check (basket_count >= 0),
    is_cold boolean not null
);
comment on table product_vectors is 'One row is a product with its embedding, learnt from the baskets of the window before the newest fit; no rows where embeddings are switched off or their library is missing.';
comment on column product_vectors.vector is 'input vector: near vectors are bought for the same needs';
comment on column product_vectors.context_vector is 'output vector: its product with the vector of what was bought says how likely the product lies in the same basket';
comment on column product_vectors.basket_count is 'baskets of the sample with the product when the vectors were fitted';
comment on column product_vectors.is_cold is 'bought too seldom to learn from: the vectors come from products of its subcategory, category and brand';

create table customer_vectors (
    run_date date not null,
    customer_id integer primary key references customers (customer_id),
    vector float[] not null
);
comment on table customer_vectors is 'One row is a customer who bought something in the window, with the recency-weighted mean of the vectors of what was bought.';
comment on column customer_vectors.vector is 'mean of product_vectors.vector, in the same space';

-- candidates, ranking, selection ---------------------------------------------------------------------------------

create table candidate_pool (
    run_date date not null,
    customer_id integer references customers (customer_id),
    offer_id integer references offers (offer_id),
    category_affinity_rank smallint check (category_affinity_rank >= 1),
    segment_popularity_rank smallint check (segment_popularity_rank >= 1),
    repeat_purchase_rank smallint check (repeat_purchase_rank >= 1),
    high_margin_rank smallint check (high_margin_rank >= 1),
    embedding_rank smallint check (embedding_rank >= 1),
    primary key (customer_id, offer_id)
);
comment on table candidate_pool is 'One row is an offer retrieved for a customer, with its rank in every strategy that found it (null: not found).';
comment on column candidate_pool.category_affinity_rank is 'rank in the category affinity strategy';
comment on column candidate_pool.segment_popularity_rank is 'rank in the segment popularity strategy';
comment on column candidate_pool.repeat_purchase_rank is 'rank in the repeat purchase strategy';
comment on column candidate_pool.high_margin_rank is 'rank in the high margin strategy';
comment on column candidate_pool.embedding_rank is 'rank in the embedding strategy, which looks at offers of which nothing was bought in the window';

create table next_item_scores (
    run_date date not null,
    customer_id integer references customers (customer_id),
    offer_id integer references offers (offer_id),
    next_item_score float check (next_item_score <= 0.001),
    primary key (customer_id, offer_id)
);
comment on table next_item_scores is 'One row is a candidate with what the network of purchase sequences says of it at the opening of the run date.';
comment on column next_item_scores.next_item_score is 'log probability that the customer''s next line is one of the offer''s products, as the network foresees it; null: it knows none of them';

create table sampled_examples (
    run_date date not null,
    impression_id bigint primary key
);
comment on table sampled_examples is 'One row is an impression that the fit of the sasrec ranker reads, so that the network of purchase sequences has to score no others; no rows on run dates on which the network is not fitted.';

create table next_item_examples (
    run_date date not null,
    impression_id bigint primary key,
    next_item_score float check (next_item_score <= 0.001)
);
comment on table next_item_examples is 'One row is an impression of sampled_examples, with the score of the network of purchase sequences from what was known when it was shown; no rows on run dates on which the network is not fitted.';
comment on column next_item_examples.next_item_score is 'as in next_item_scores, as of the day of the impression; null: the network knows none of the offer''s products';

create table holdout_scores (
    run_date date not null,
    impression_id bigint,
    algorithm varchar,
    slate_id bigint not null,
    customer_id integer not null references customers (customer_id),
    offer_id integer not null,
    shown_date date not null,
    position tinyint,
    policy varchar not null,
    label tinyint not null check (label in (0, 1)),
    score float not null check (score between 0 and 1),
    product_purchases float not null check (product_purchases >= 0),
    primary key (impression_id, algorithm)
);
comment on table holdout_scores is 'One row is an impression of the newest settled days, scored by an algorithm whose fit did not see those days.';
comment on column holdout_scores.algorithm is 'vocabulary.Algorithm';
comment on column holdout_scores.shown_date is 'day of the impression, in the test window of the fit';
comment on column holdout_scores.label is '1 if the offer was redeemed within the horizon';
comment on column holdout_scores.score is 'calibrated probability if shown at the top';
comment on column holdout_scores.product_purchases is 'the feature, as of the impression: the order of the repeat purchase baseline';

create table bandit_posterior (
    run_date date not null,
    place integer primary key check (place >= 0),
    coefficient varchar not null,
    offer_id integer,
    mean double not null,
    covariance double[] not null,
    shift double not null,
    scale double not null check (scale > 0),
    check (list_aggregate(covariance, 'max') > 0)
);
comment on table bandit_posterior is 'One row is a coefficient of the Bayesian logistic regression behind Thompson sampling, as believed at the opening of the run date.';
comment on column bandit_posterior.place is 'order of the coefficient: those that all offers share, then one effect per offer';
comment on column bandit_posterior.coefficient is 'feature, feature:missing, code=value, code=unseen, log_position, intercept, or offer';
comment on column bandit_posterior.offer_id is 'the offer whose own effect it is; null: shared';
comment on column bandit_posterior.mean is 'posterior mean, log odds per unit of the column';
comment on column bandit_posterior.covariance is 'its row of the posterior covariance, in the order of place; of an offer: its variance alone, for effects are taken as independent';
comment on column bandit_posterior.shift is 'the column is (value - shift) / scale; a feature with a heavy tail is ln(1 + feature) first, a flag is 0 or 1';
comment on column bandit_posterior.scale is 'see shift';

create table scored_candidates (
    run_date date not null,
    customer_id integer references customers (customer_id),
    offer_id integer references offers (offer_id),
    algorithm varchar,
    score float not null check (score between 0 and 1),
    value_ron float,
    log_odds_sd float check (log_odds_sd >= 0),
    primary key (customer_id, offer_id, algorithm)
);
comment on table scored_candidates is 'One row is a candidate scored by one algorithm.';
comment on column scored_candidates.algorithm is 'vocabulary.Algorithm, or vocabulary.UNRANKED where nothing could be fitted';
comment on column scored_candidates.score is 'calibrated probability that the customer redeems the offer if it is shown at the top; UNRANKED: 1 / place, no probability';
comment on column scored_candidates.value_ron is 'expected margin that showing the offer adds, RON: what the uplift policy orders by; null: the algorithm orders by the score';
comment on column scored_candidates.log_odds_sd is 'posterior standard deviation of what tells the log odds of a customer''s offers apart: what Thompson sampling draws with; null: the algorithm does not explore';

create table recommendations (
    run_date date not null,
    customer_id integer references customers (customer_id),
    algorithm varchar,
    rank tinyint check (rank between 1 and 100),
    offer_id integer not null references offers (offer_id),
    is_champion boolean not null,
    score float not null check (score between 0 and 1),
    value_ron float,
    propensity float not null check (propensity > 0 and propensity <= 1),
    reason varchar not null,
    strategies varchar[] not null,
    channel varchar not null,
    offer_name varchar not null,
    mechanic varchar not null,
    category varchar not null,
    valid_to_date date not null,
    product_id integer not null,
    product_name varchar not null,
    unit varchar not null,
    base_price_ron decimal(9, 2) not null,
    tier2_quantity decimal(9, 3),
    tier2_price_ron decimal(9, 2),
    tier3_quantity decimal(9, 3),
    tier3_price_ron decimal(9, 2),
    usual_quantity double not null,
    usual_unit_price_ron double not null,
    offer_unit_price_ron double,
    saving_ron double check (saving_ron >= 0),
    next_tier_quantity decimal(9, 3),
    next_tier_saving_ron double,
    expected_margin_ron double,
    primary key (customer_id, algorithm, rank)
);
comment on table recommendations is 'One row is one of the ten offers of a customer by one algorithm, with its reason and price tag.';
comment on column recommendations.algorithm is 'ranker whose order it is (vocabulary.Algorithm, or vocabulary.UNRANKED)';
comment on column recommendations.offer_id is 'offer recommended';
comment on column recommendations.offer_name is 'what the flyer says';
comment on column recommendations.product_name is 'name of the product on the tag';
comment on column recommendations.rank is '1 is the best';
comment on column recommendations.is_champion is 'the algorithm is the champion of the run date';
comment on column recommendations.score is 'probability of redemption if shown at the top, calibrated on impressions; the best of many are over-predicted (docs/evaluation.md)';
comment on column recommendations.value_ron is 'expected margin that showing the offer adds, RON, where the algorithm orders by it';
comment on column recommendations.propensity is 'probability with which the algorithm put the offer into the slate: 1 but where it explores';
comment on column recommendations.reason is 'why, in words a buyer understands';
comment on column recommendations.strategies is 'candidate strategies that found it';
comment on column recommendations.channel is 'channel with consent through which it may be sent; STORE: no consent is known, it may be shown, not sent';
comment on column recommendations.product_id is 'the offer''s product that this customer buys most and that no better ranked offer shows, else its anchor';
comment on column recommendations.usual_quantity is 'this customer''s usual units per order, else the typical ones';
comment on column recommendations.usual_unit_price_ron is 'unit price at the usual quantity without the offer, RON';
comment on column recommendations.offer_unit_price_ron is 'unit price at the usual quantity with the offer, RON; null: the offer states no benefit';
comment on column recommendations.saving_ron is 'saved at the usual quantity, RON; null: the offer states no benefit';
comment on column recommendations.next_tier_quantity is 'units of the next tier above the usual quantity; null: none';
comment on column recommendations.next_tier_saving_ron is 'saved at the next tier''s quantity against the base price, RON';
comment on column recommendations.expected_margin_ron is 'score x unit margin with the offer x usual quantity, RON; null: cost or probability unknown';

create table recommendation_shortfalls (
    run_date date not null,
    customer_id integer references customers (customer_id),
    algorithm varchar,
    recommended_count smallint not null check (recommended_count between 0 and 99),
    reason varchar not null,
    primary key (customer_id, algorithm)
);
comment on table recommendation_shortfalls is 'One row is a customer who got fewer than ten offers, and why.';
comment on column recommendation_shortfalls.recommended_count is 'offers that the customer got all the same';
comment on column recommendation_shortfalls.reason is 'NO_CONSENT, NO_CANDIDATES, TOO_FEW_CANDIDATES, CATEGORY_LIMIT, EXPOSURE_LIMIT or ALREADY_REDEEMED';

-- monitoring, evaluation -----------------------------------------------------------------------------------------

create table drift_log (
    run_date date not null,
    quantity varchar primary key,
    kind varchar not null,
    psi double not null check (psi >= 0),
    severity varchar not null,
    noise_psi double not null,
    reference_rows bigint not null,
    current_rows bigint not null,
    bins varchar[] not null,
    reference_shares double[] not null,
    current_shares double[] not null,
    check (abs(list_sum(reference_shares) - 1) < 1e-9),
    check (abs(list_sum(current_shares) - 1) < 1e-9)
);
comment on table drift_log is 'One row is the population stability index of one feature, score or label rate against the champion''s reference.';
comment on column drift_log.reference_rows is 'rows of the champion''s reference, weights summed';
comment on column drift_log.current_rows is 'rows compared with it';
comment on column drift_log.quantity is 'feature name, score or label';
comment on column drift_log.kind is 'FEATURE, SCORE or LABEL';
comment on column drift_log.psi is 'population stability index, nats';
comment on column drift_log.severity is 'STABLE, MODERATE or SIGNIFICANT';
comment on column drift_log.noise_psi is '95 % point of the index between two samples of these sizes without drift';
comment on column drift_log.bins is 'labels of the bins, missing and unseen included';
comment on column drift_log.reference_shares is 'share per bin in the reference';
comment on column drift_log.current_shares is 'share per bin now';

create table evaluation_metrics (
    run_date date not null,
    protocol varchar,
    subject varchar,
    algorithm varchar,
    population varchar,
    metric varchar,
    value double,
    lower double,
    upper double,
    customer_count integer not null check (customer_count >= 0),
    list_count integer not null check (list_count >= 0),
    from_date date not null,
    to_date date not null,
    primary key (protocol, subject, algorithm, population, metric)
);
comment on table evaluation_metrics is 'One row is one metric of one algorithm or baseline under one protocol.';
comment on column evaluation_metrics.value is 'the metric; null: undefined';
comment on column evaluation_metrics.customer_count is 'customers behind the value';
comment on column evaluation_metrics.list_count is 'lists behind the value; redemptions for pool_recall, rows for calibration';
comment on column evaluation_metrics.protocol is 'SHOWN (rank what was shown) or POOL (rank the whole pool)';
comment on column evaluation_metrics.subject is 'HOLDOUT (the model''s newest window, never trained on) or SERVED (recommendations of run date - 7)';
comment on column evaluation_metrics.algorithm is 'a ranker, or a baseline: random, popularity, repeat_purchase, oracle';
comment on column evaluation_metrics.population is 'REDEEMERS (lists with at least one redemption), ALL, or SHOWN (served rows that the log showed)';
comment on column evaluation_metrics.metric is 'ndcg_at_10, precision_at_10, recall_at_10, mrr, auc, auc_within_lists, ece, ndcg_at_10_minus:repeat_purchase, predicted_over_observed, pool_recall:<strategy>';
comment on column evaluation_metrics.lower is '95 % bootstrap interval over customers, lower end';
comment on column evaluation_metrics.upper is 'upper end';
comment on column evaluation_metrics.from_date is 'first day of the outcomes';
comment on column evaluation_metrics.to_date is 'last day of the outcomes';

create table point_in_time_canaries (
    run_date date not null,
    table_name varchar,
    column_name varchar,
    customer_count integer not null check (customer_count >= 0),
    planted_count bigint not null check (planted_count >= 0),
    value_count bigint not null check (value_count >= 0),
    moved_count bigint not null check (moved_count between 0 and value_count),
    example varchar,
    primary key (table_name, column_name),
    check ((example is null) = (moved_count = 0))
);
comment on table point_in_time_canaries is 'One row is a column of a derived table, made again of some customers while large events from the run date on were made up, and how many of its values moved.';
comment on column point_in_time_canaries.table_name is 'derived table';
comment on column point_in_time_canaries.column_name is 'column of it; its key stands for rows that came or went';
comment on column point_in_time_canaries.customer_count is 'customers whose rows were made again and whose events were made up';
comment on column point_in_time_canaries.planted_count is 'events that were made up, dated or recorded on the run date or later, over all tables';
comment on column point_in_time_canaries.value_count is 'values, or rows, that were compared with the stored ones';
comment on column point_in_time_canaries.moved_count is 'of these, different: the run date knew what came after it';
comment on column point_in_time_canaries.example is 'the first that moved: its key, as stored, as made again; null: none';

create table promotion_gates (
    run_date date not null,
    algorithm varchar primary key,
    champion varchar not null,
    judged_date date,
    list_count integer not null check (list_count >= 0),
    customer_count integer not null check (customer_count >= 0),
    effective_customers double check (effective_customers >= 0),
    difference double,
    lower double,
    upper double,
    calibration_error double,
    auc_within_lists double,
    worst_segment varchar,
    worst_segment_difference double,
    twin_difference_ron double,
    twin_lower_ron double,
    twin_upper_ron double,
    is_passed boolean not null,
    objections varchar[] not null
);
comment on table promotion_gates is 'One row is an algorithm that is not the champion, what it showed beside it, and whether it may be promoted.';
comment on column promotion_gates.algorithm is 'the challenger (vocabulary.Algorithm)';
comment on column promotion_gates.champion is 'the algorithm that is served by default';
comment on column promotion_gates.judged_date is 'run date of the fits whose test window both scored; null: none';
comment on column promotion_gates.list_count is 'lists of the test window with a redemption';
comment on column promotion_gates.customer_count is 'customers of those lists';
comment on column promotion_gates.effective_customers is 'effective sample size of the customers (Kish)';
comment on column promotion_gates.difference is 'mean NDCG@10 of the challenger less that of the champion on the same lists';
comment on column promotion_gates.lower is '95 % bootstrap interval over customers, lower end: above zero to pass';
comment on column promotion_gates.upper is 'upper end';
comment on column promotion_gates.calibration_error is 'expected calibration error of the challenger on the test window';
comment on column promotion_gates.auc_within_lists is 'of the challenger on the test window; too high is a sign of a leak';
comment on column promotion_gates.worst_segment is 'segment in which the challenger loses most or gains least';
comment on column promotion_gates.worst_segment_difference is 'mean difference of NDCG@10 in it';
comment on column promotion_gates.twin_difference_ron is 'incremental margin against the champion in the newest experiment that had both, RON per 1,000 customers; null: none';
comment on column promotion_gates.twin_lower_ron is '95 % interval of it, lower end, RON: above zero to pass';
comment on column promotion_gates.twin_upper_ron is 'upper end, RON';
comment on column promotion_gates.is_passed is 'nothing speaks against serving it by default';
comment on column promotion_gates.objections is 'what speaks against it, in words';

create table policy_estimates (
    run_date date not null,
    algorithm varchar,
    estimator varchar,
    value double,
    lower double,
    upper double,
    effective_sample_size double not null check (effective_sample_size >= 0),
    slate_count integer not null check (slate_count >= 0),
    matched_count integer not null check (matched_count >= 0),
    redemption_count integer not null check (redemption_count >= 0),
    is_reported boolean not null,
    reason varchar,
    from_date date not null,
    to_date date not null,
    check (is_reported = (value is not null)),
    primary key (algorithm, estimator)
);
comment on table policy_estimates is 'One row is an off-policy estimate of what an algorithm''s slates earn, from slates that were shown at random.';
comment on column policy_estimates.algorithm is 'whose recommendations are the target policy (vocabulary.Algorithm), or vocabulary.UNRANKED';
comment on column policy_estimates.estimator is 'vocabulary.Estimator';
comment on column policy_estimates.value is 'redemptions per shown offer; null: not reported';
comment on column policy_estimates.lower is 'lower end of the bootstrap 95 % interval over customers';
comment on column policy_estimates.upper is 'upper end of it';
comment on column policy_estimates.effective_sample_size is 'rows of equal weight that would be as noisy (Kish)';
comment on column policy_estimates.slate_count is 'random slates of days on which the algorithm recommended';
comment on column policy_estimates.matched_count is 'offers of those slates that the algorithm recommended as well';
comment on column policy_estimates.redemption_count is 'of these, redeemed within the horizon';
comment on column policy_estimates.reason is 'why no estimate is reported; null: it is';
comment on column policy_estimates.from_date is 'first day of the slates';
comment on column policy_estimates.to_date is 'last day of the slates';

create table pipeline_runs (
    run_date date not null,
    table_name varchar primary key,
    run_id varchar not null,
    finished_at timestamp not null,
    row_count bigint,
    seconds double,
    file_bytes bigint,
    code_version varchar,
    library_versions varchar
);
comment on table pipeline_runs is 'One row is a table''s newest materialisation for the run date: what ran, rows, seconds, versions.';
comment on column pipeline_runs.table_name is 'table that was materialised';
comment on column pipeline_runs.run_id is 'Dagster''s run';
comment on column pipeline_runs.finished_at is 'Europe/Bucharest wall time';
comment on column pipeline_runs.row_count is 'rows written';
comment on column pipeline_runs.seconds is 'from the first input to the written file';
comment on column pipeline_runs.file_bytes is 'bytes on disk';
comment on column pipeline_runs.code_version is 'hash of the stage''s sources';
comment on column pipeline_runs.library_versions is 'versions of what computed it';

create table published_recommendations (
    run_date date not null,
    publication varchar primary key,
    published_at timestamp not null,
    row_count bigint not null check (row_count >= 0),
    customer_count integer not null check (customer_count >= 0),
    champion varchar not null
);
comment on table published_recommendations is 'One row is a publication of the run date: the file that REST and dashboard read.';
comment on column published_recommendations.publication is 'name of the file under serving/';
comment on column published_recommendations.row_count is 'offers in it';
comment on column published_recommendations.customer_count is 'customers with an offer';
comment on column published_recommendations.published_at is 'UTC';
comment on column published_recommendations.champion is 'algorithm whose order is served';
