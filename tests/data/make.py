"""Makes the small data files beside this script out of npm's vega-datasets package (see README.md).

    npm pack vega-datasets@3.2.1 && tar xzf vega-datasets-3.2.1.tgz && python3 make.py package

Only columns that the tests and the demo use are kept; nothing is changed in the values.
"""
import csv
import gzip
import io
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def text_of(rows):
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


def write(name, rows):
    data = text_of(rows).encode()
    path = os.path.join(HERE, name)
    if name.endswith(".gz"):
        data = gzip.compress(data, 9, mtime=0)  # no time in it: the same input gives the same file
    with open(path, "wb") as file:
        file.write(data)
    print(f"{name}: {len(rows) - 1} rows, {len(data)} bytes")


def columns(path, *names):
    with open(path, newline="") as file:
        return [names] + [tuple(row[name] for name in names) for row in csv.DictReader(file)]


def main(package):
    data = os.path.join(package, "data")
    write("seattle-hourly.csv", columns(os.path.join(data, "seattle-weather-hourly-normals.csv"),
                                        "date", "temperature", "pressure", "wind"))
    write("sp500-daily.csv", columns(os.path.join(data, "sp500-2000.csv"), "date", "close"))
    with open(os.path.join(data, "flights-200k.json")) as file:
        flights = json.load(file)
    # The package has the departure as a fraction of hours of whole minutes.
    write("flights.csv.gz", [("minute", "delay", "distance")] +
          [(round(f["time"] * 60), f["delay"], f["distance"]) for f in flights])
    with open(os.path.join(data, "earthquakes.json")) as file:
        quakes = json.load(file)["features"]
    write("earthquakes.csv", [("time_ms", "longitude", "latitude", "depth_km", "magnitude", "type")] +
          [(q["properties"]["time"], *q["geometry"]["coordinates"], q["properties"]["mag"], q["properties"]["type"])
           for q in quakes])


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
