"use client";

import { Bar, BarChart, CartesianGrid, ResponsiveContainer, Tooltip, XAxis, YAxis } from "recharts";

export interface BarsProps {
  series: readonly { key: string; name: string; color: string }[];
  /** A label, and an amount by the key of each series that has one. */
  bars: readonly Record<string, string | number>[];
}

const axis = { fontSize: 11, fill: "var(--ink-soft)" };

/** Stacked bars, one a day. */
export default function Bars({ series, bars }: BarsProps) {
  return (
    <ResponsiveContainer width="100%" height={256}>
      <BarChart data={[...bars]} margin={{ top: 8, right: 4, bottom: 0, left: 0 }} barCategoryGap="18%">
        <CartesianGrid vertical={false} stroke="var(--line)" />
        <XAxis
          dataKey="label"
          tick={axis}
          tickLine={false}
          axisLine={{ stroke: "var(--line-strong)" }}
          minTickGap={24}
          interval="preserveStartEnd"
        />
        <YAxis tick={axis} tickLine={false} axisLine={false} width={36} allowDecimals={false} />
        <Tooltip
          cursor={{ fill: "var(--sunken)" }}
          contentStyle={{
            background: "var(--surface)",
            border: "1px solid var(--line-strong)",
            borderRadius: 8,
            fontSize: 12,
            color: "var(--ink)",
          }}
          itemStyle={{ color: "var(--ink)" }}
        />
        {series.map(({ key, name, color }) => (
          <Bar
            key={key}
            dataKey={(bar: Record<string, string | number>) => bar[key] ?? 0}
            name={name}
            stackId="day"
            fill={color}
            maxBarSize={28}
            isAnimationActive={false}
          />
        ))}
      </BarChart>
    </ResponsiveContainer>
  );
}
