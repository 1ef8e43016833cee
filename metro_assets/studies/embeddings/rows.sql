-- a frame on the connection of the anchor
select rows.*
from rows
where (select count(*) >= 0 from anchor)
