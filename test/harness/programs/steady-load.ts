// Steady loads from where this program runs (a host of a test's own), until TERM; prints what
// became of them as one line of JSON. Argument: a JSON list of `LoadOptions`.

import { describeFailures, type LoadOptions, SteadyLoad } from "../load.ts";

const loads = (JSON.parse(process.argv[2] ?? "[]") as LoadOptions[]).map(
  (options) => new SteadyLoad(options),
);
console.log("begun");
process.once("SIGTERM", () => {
  void Promise.all(loads.map((load) => load.stop())).then(() => {
    const results = loads.map((load) => ({
      name: load.name,
      count: load.outcomes.length,
      failed: describeFailures(load.failures()),
      longestMs: Math.round(Math.max(0, ...load.outcomes.map(({ durationMs }) => durationMs))),
    }));
    console.log(`results ${JSON.stringify(results)}`);
  });
});
