-- rows of pairs with units and margins of a purchase
select pairs.*, margins.usual_quantity, margins.usual_margin_ron, margins.offer_margin_ron
from pairs
inner join margins using (customer_id, offer_id)
