-- @nothing_yet
SELECT 1;
