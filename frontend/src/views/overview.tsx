import { MetricChart, TotalChart, WeightCharts } from "./charts";
import { Headline } from "./headline";

export function Overview() {
  return (
    <>
      <Headline />
      <TotalChart />
      <MetricChart />
      <WeightCharts />
    </>
  );
}
