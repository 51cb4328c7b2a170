-- The bacteria with the most and the least of each metabolite.
--
-- For: unpivoted_data(bacteria, metabolite, value), a table or a view over wide tables.

-- All ranks, as they stand in many notebooks. The window spans everything that a metabolite has and no partition is
-- said, so the summary is whole: any change makes reads run the full query until the next refresh.
CREATE MATERIALIZED VIEW top_metabolites_by_bacteria AS
SELECT bacteria, metabolite, value,
       RANK() OVER (PARTITION BY metabolite ORDER BY value DESC) AS rank
FROM unpivoted_data;

REFRESH MATERIALIZED VIEW top_metabolites_by_bacteria;

-- query: where one bacterium stands, of all metabolites
--   SELECT metabolite, value, rank
--   FROM top_metabolites_by_bacteria
--   WHERE bacteria = 'Roseburia 7'
--   ORDER BY rank, metabolite;
-- instead of:
--   SELECT metabolite, value, rank
--   FROM (SELECT bacteria, metabolite, value, RANK() OVER (PARTITION BY metabolite ORDER BY value DESC) AS rank FROM unpivoted_data)
--   WHERE bacteria = 'Roseburia 7'
--   ORDER BY rank, metabolite;

-- Variant for a table (leave it out where unpivoted_data is a view): partitioned by metabolite, so that a change recomputes
-- its metabolite alone, and only the top and the bottom 20 are kept. It needs an index on the key:
--   CREATE INDEX unpivoted_data_by_metabolite ON unpivoted_data(metabolite);
CREATE MATERIALIZED VIEW metabolite_extremes WITH (partition = metabolite) AS
SELECT metabolite, bacteria, value, rank_top, rank_bottom
FROM (SELECT metabolite, bacteria, value,
             RANK() OVER (PARTITION BY metabolite ORDER BY value DESC) AS rank_top,
             RANK() OVER (PARTITION BY metabolite ORDER BY value) AS rank_bottom
      FROM unpivoted_data
      WHERE value IS NOT NULL)
WHERE rank_top <= 20 OR rank_bottom <= 20;

-- query: top and bottom five of every metabolite
--   SELECT metabolite, bacteria, value, rank_top <= 5 AS is_top
--   FROM metabolite_extremes
--   WHERE rank_top <= 5 OR rank_bottom <= 5
--   ORDER BY metabolite, value DESC, bacteria;
-- instead of:
--   SELECT metabolite, bacteria, value, rank_top <= 5 AS is_top
--   FROM (SELECT metabolite, bacteria, value,
--                RANK() OVER (PARTITION BY metabolite ORDER BY value DESC) AS rank_top,
--                RANK() OVER (PARTITION BY metabolite ORDER BY value) AS rank_bottom
--         FROM unpivoted_data WHERE value IS NOT NULL)
--   WHERE rank_top <= 5 OR rank_bottom <= 5
--   ORDER BY metabolite, value DESC, bacteria;

-- query: the five bacteria with the most butyrate
--   SELECT bacteria, value, rank_top
--   FROM metabolite_extremes
--   WHERE metabolite = 'butyrate' AND rank_top <= 5
--   ORDER BY rank_top, bacteria;
-- instead of:
--   SELECT bacteria, value, rank
--   FROM (SELECT bacteria, value, RANK() OVER (ORDER BY value DESC) AS rank
--         FROM unpivoted_data
--         WHERE metabolite = 'butyrate' AND value IS NOT NULL)
--   WHERE rank <= 5
--   ORDER BY rank, bacteria;
