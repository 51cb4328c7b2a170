-- Trades as a fund's dashboard shows them: daily P&L, equity, drawdown, hit rate, profit factor, distribution of returns.
--
-- For: trades(id INTEGER PRIMARY KEY, portfolio_id, strategy, closed_at, pnl), closed_at in Unix seconds, with two indexes:
--   CREATE INDEX trades_by_time ON trades(closed_at);
--   CREATE INDEX trades_by_strategy ON trades(portfolio_id, strategy);
-- Every strategy starts with a capital of 100000: change it where it stands.

-- The base: one row a day for each portfolio and strategy. It adds up, so any set of strategies over any dates is a
-- query on these few rows (see below).
CREATE MATERIALIZED VIEW pnl_daily AS
SELECT time_bucket('1 day', closed_at) AS day, portfolio_id, strategy,
       count(*) AS trades, sum(pnl) AS pnl, sum(pnl > 0) AS wins,
       sum(max(pnl, 0.0)) AS gross_profit, sum(max(-pnl, 0.0)) AS gross_loss
FROM trades
GROUP BY 1, 2, 3;

-- query: daily P&L, equity and drawdown of any set of strategies over any dates
--   SELECT day, pnl, equity, equity / max(100000 * 2, max(equity) OVER (ORDER BY day)) - 1 AS drawdown
--   FROM (SELECT day, pnl, 100000 * 2 + sum(pnl) OVER (ORDER BY day) AS equity
--         FROM (SELECT day, sum(pnl) AS pnl
--               FROM pnl_daily
--               WHERE portfolio_id = 1 AND strategy IN ('carry', 'trend') AND day >= 1514764800 AND day < 1577836800
--               GROUP BY day))
--   ORDER BY day;
-- instead of:
--   SELECT day, pnl, equity, equity / max(100000 * 2, max(equity) OVER (ORDER BY day)) - 1 AS drawdown
--   FROM (SELECT day, pnl, 100000 * 2 + sum(pnl) OVER (ORDER BY day) AS equity
--         FROM (SELECT closed_at / 86400 * 86400 AS day, sum(pnl) AS pnl
--               FROM trades
--               WHERE portfolio_id = 1 AND strategy IN ('carry', 'trend') AND closed_at >= 1514764800 AND closed_at < 1577836800
--               GROUP BY 1))
--   ORDER BY day;

-- query: win rate and profit factor of each strategy over any dates
--   SELECT strategy, sum(trades) AS trades, sum(pnl) AS pnl, sum(wins) * 1.0 / sum(trades) AS win_rate,
--          sum(gross_profit) / nullif(sum(gross_loss), 0) AS profit_factor
--   FROM pnl_daily
--   WHERE portfolio_id = 1 AND day >= 1514764800 AND day < 1577836800
--   GROUP BY strategy
--   ORDER BY strategy;
-- instead of:
--   SELECT strategy, count(*), sum(pnl), avg(pnl > 0), sum(max(pnl, 0.0)) / nullif(sum(max(-pnl, 0.0)), 0)
--   FROM trades
--   WHERE portfolio_id = 1 AND closed_at >= 1514764800 AND closed_at < 1577836800
--   GROUP BY strategy ORDER BY strategy;

-- Equity and the running drawdown from its highest point so far, for each strategy; plain SQL, so always exact.
CREATE MATERIALIZED VIEW equity_daily WITH (partition = 'portfolio_id, strategy') AS
SELECT portfolio_id, strategy, day, pnl, equity,
       equity / max(100000, max(equity) OVER (PARTITION BY portfolio_id, strategy ORDER BY day)) - 1 AS drawdown
FROM (SELECT portfolio_id, strategy, day, pnl,
             100000 + sum(pnl) OVER (PARTITION BY portfolio_id, strategy ORDER BY day) AS equity
      FROM (SELECT portfolio_id, strategy, time_bucket('1 day', closed_at) AS day, sum(pnl) AS pnl
            FROM trades
            GROUP BY 1, 2, 3));

-- query: equity and drawdown of one strategy
--   SELECT day, equity, drawdown
--   FROM equity_daily
--   WHERE portfolio_id = 1 AND strategy = 'reversal'
--   ORDER BY day;
-- instead of:
--   SELECT day, equity, equity / max(100000, max(equity) OVER (ORDER BY day)) - 1 AS drawdown
--   FROM (SELECT day, 100000 + sum(pnl) OVER (ORDER BY day) AS equity
--         FROM (SELECT closed_at / 86400 * 86400 AS day, sum(pnl) AS pnl
--               FROM trades
--               WHERE portfolio_id = 1 AND strategy = 'reversal'
--               GROUP BY 1))
--   ORDER BY day;

-- The deepest drawdown inside the last 30 calendar days, day by day: the frame is today and 29 days of seconds back.
-- rolling_drawdown is a function of the extension: these rows are as of the last refresh (see almanac_live).
CREATE MATERIALIZED VIEW drawdown_30_days WITH (partition = 'portfolio_id, strategy') AS
SELECT portfolio_id, strategy, day, equity,
       rolling_drawdown(equity) OVER (PARTITION BY portfolio_id, strategy ORDER BY day
                                      RANGE BETWEEN 29 * 86400 PRECEDING AND CURRENT ROW) AS max_drawdown
FROM (SELECT portfolio_id, strategy, day,
             100000 + sum(pnl) OVER (PARTITION BY portfolio_id, strategy ORDER BY day) AS equity
      FROM (SELECT portfolio_id, strategy, time_bucket('1 day', closed_at) AS day, sum(pnl) AS pnl
            FROM trades
            GROUP BY 1, 2, 3));

-- query: the ten worst months of all strategies
--   SELECT portfolio_id, strategy, day, max_drawdown
--   FROM drawdown_30_days
--   ORDER BY max_drawdown, portfolio_id, strategy, day
--   LIMIT 10;
-- instead of:
--   SELECT portfolio_id, strategy, day,
--          rolling_drawdown(equity) OVER (PARTITION BY portfolio_id, strategy ORDER BY day
--                                         RANGE BETWEEN 29 * 86400 PRECEDING AND CURRENT ROW) AS max_drawdown
--   FROM (SELECT portfolio_id, strategy, day, 100000 + sum(pnl) OVER (PARTITION BY portfolio_id, strategy ORDER BY day) AS equity
--         FROM (SELECT portfolio_id, strategy, closed_at / 86400 * 86400 AS day, sum(pnl) AS pnl FROM trades GROUP BY 1, 2, 3))
--   ORDER BY max_drawdown, portfolio_id, strategy, day
--   LIMIT 10;

-- Win rate and profit factor over all time.
CREATE MATERIALIZED VIEW strategy_ratios WITH (partition = 'portfolio_id, strategy') AS
SELECT portfolio_id, strategy, count(*) AS trades, sum(pnl) AS pnl, avg(pnl > 0) AS win_rate,
       sum(max(pnl, 0.0)) / nullif(sum(max(-pnl, 0.0)), 0) AS profit_factor
FROM trades
GROUP BY portfolio_id, strategy;

-- query: strategies by profit factor
--   SELECT portfolio_id, strategy, trades, pnl, win_rate, profit_factor
--   FROM strategy_ratios
--   ORDER BY profit_factor DESC;
-- instead of:
--   SELECT portfolio_id, strategy, count(*), sum(pnl), avg(pnl > 0), sum(max(pnl, 0.0)) / nullif(sum(max(-pnl, 0.0)), 0) AS profit_factor
--   FROM trades
--   GROUP BY portfolio_id, strategy
--   ORDER BY profit_factor DESC;

-- How daily returns are distributed, in bins of 0.25 %: bin 0 holds returns from 0 up to 0.25 %, bin -1 those below 0.
CREATE MATERIALIZED VIEW return_bins WITH (partition = 'portfolio_id, strategy') AS
SELECT portfolio_id, strategy, CAST(return * 400 AS INTEGER) - (return * 400 < CAST(return * 400 AS INTEGER)) AS bin, count(*) AS days
FROM (SELECT portfolio_id, strategy, day,
             pnl / (100000 + sum(pnl) OVER (PARTITION BY portfolio_id, strategy ORDER BY day) - pnl) AS return
      FROM (SELECT portfolio_id, strategy, time_bucket('1 day', closed_at) AS day, sum(pnl) AS pnl
            FROM trades
            GROUP BY 1, 2, 3))
GROUP BY 1, 2, 3;

-- query: distribution of one strategy's daily returns
--   SELECT bin * 0.0025 AS return_from, (bin + 1) * 0.0025 AS return_below, days
--   FROM return_bins
--   WHERE portfolio_id = 1 AND strategy = 'reversal'
--   ORDER BY bin;
-- instead of:
--   SELECT bin * 0.0025, (bin + 1) * 0.0025, count(*)
--   FROM (SELECT CAST(return * 400 AS INTEGER) - (return * 400 < CAST(return * 400 AS INTEGER)) AS bin
--         FROM (SELECT pnl / (100000 + sum(pnl) OVER (ORDER BY day) - pnl) AS return
--               FROM (SELECT closed_at / 86400 * 86400 AS day, sum(pnl) AS pnl
--                     FROM trades
--                     WHERE portfolio_id = 1 AND strategy = 'reversal'
--                     GROUP BY 1)))
--   GROUP BY bin ORDER BY bin;
