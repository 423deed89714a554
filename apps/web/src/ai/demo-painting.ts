import { createHash } from "node:crypto";

/** A square, in the SVG's own units. */
const side = 512;
const horizon = 330;

/** Sky from top to horizon, then what lies on it from far to near. */
interface Palette {
  sky: readonly [string, string, string];
  light: string;
  ground: readonly [string, string, string, string];
}

const palettes = {
  day: {
    sky: ["#7db8d8", "#b9dbe4", "#f4ead2"],
    light: "#fff6d8",
    ground: ["#8fb0b5", "#6b959a", "#47777c", "#28575e"],
  },
  dusk: {
    sky: ["#3c3a72", "#c4627a", "#f6b27a"],
    light: "#ffe3b0",
    ground: ["#8d5a80", "#6a4272", "#472f5f", "#2a1f47"],
  },
  night: {
    sky: ["#0b1230", "#1b2a56", "#3a4b7c"],
    light: "#f3f0dc",
    ground: ["#2c3c66", "#202d52", "#151f3e", "#0c142b"],
  },
  desert: {
    sky: ["#e9a15b", "#f3c583", "#fbe9c4"],
    light: "#fff3cf",
    ground: ["#e0a468", "#cf8750", "#b1673c", "#8a4a2c"],
  },
} as const satisfies Record<string, Palette>;

/** Words of a prompt that decide the picture; the first that is found does. */
const moods: readonly (readonly [RegExp, keyof typeof palettes])[] = [
  [/\b(night|moon|stars?|dark|midnight|space|winter)/i, "night"],
  [/\b(desert|dunes?|sand|sahara|canyon)/i, "desert"],
  [/\b(dusk|dawn|sunset|sunrise|evening|morning|autumn|golden)/i, "dusk"],
];

type Random = () => number;

/**
 * Paints a landscape of what a prompt mentions: the time of day, mountains, dunes, a forest, a city, the sea. The same prompt
 * is painted the same way. No part of the prompt gets into the SVG.
 */
export function paint(prompt: string): string {
  const random = randomOf(prompt);
  const mentions = (words: RegExp) => words.test(prompt);
  const mood = moods.find(([words]) => words.test(prompt))?.[1] ?? (random() < 0.5 ? "day" : "dusk");
  const palette = palettes[mood];
  const isSea = mentions(/\b(sea|ocean|harbou?r|lake|ship|boat|sails?|water|coast|beach|river)/i);
  const layers = [
    sky(palette),
    mood === "night" ? stars(random) : clouds(random),
    light(palette, random, mood === "night"),
    ridge(random, {
      y: horizon - 60,
      height: 120,
      roughness: mood === "desert" ? 0.25 : 1,
      fill: palette.ground[0],
    }),
    ...(isSea
      ? sea(random, palette, mentions(/\b(sails?|ships?|boats?|harbou?r)/i))
      : land(random, palette, mood)),
    ...(mentions(/\b(city|skyline|town|street|tower|house)/i)
      ? [city(random, palette, mood === "night")]
      : []),
    ...(mentions(/\b(forest|trees?|pine|wood|jungle|garden)/i) ? [forest(random, palette)] : []),
  ];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${side} ${side}" width="1024" height="1024">`,
    ...layers,
    "</svg>",
  ].join("");
}

function sky({ sky: [top, middle, bottom] }: Palette): string {
  return (
    `<defs><linearGradient id="sky" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="${top}"/>` +
    `<stop offset="0.55" stop-color="${middle}"/><stop offset="0.8" stop-color="${bottom}"/></linearGradient></defs>` +
    `<rect width="${side}" height="${side}" fill="url(#sky)"/>`
  );
}

function light({ light }: Palette, random: Random, isMoon: boolean): string {
  const x = between(random, 110, side - 110);
  const y = between(random, 90, isMoon ? 150 : 230);
  const radius = between(random, 26, 46);
  const glow = [3.2, 2.2, 1.5]
    .map(
      (times) => `<circle cx="${x}" cy="${y}" r="${round(radius * times)}" fill="${light}" opacity="0.12"/>`,
    )
    .join("");
  return `${glow}<circle cx="${x}" cy="${y}" r="${radius}" fill="${light}"/>`;
}

function stars(random: Random): string {
  return repeat(70, () => {
    const radius = between(random, 0.5, 1.7);
    return `<circle cx="${between(random, 0, side)}" cy="${between(random, 0, 280)}" r="${radius}" fill="#fff" opacity="${between(random, 0.3, 0.95)}"/>`;
  });
}

function clouds(random: Random): string {
  return repeat(3, () => {
    const [x, y] = [between(random, 0, side), between(random, 50, 190)];
    const width = between(random, 60, 120);
    return [0, 0.45, -0.4]
      .map(
        (shift, index) =>
          `<ellipse cx="${round(x + shift * width)}" cy="${round(y + index * 6)}" rx="${round(width * (1 - index * 0.2))}" ry="${10 - index * 2}" fill="#fff" opacity="0.28"/>`,
      )
      .join("");
  });
}

interface Ridge {
  y: number;
  height: number;
  /** 1 is a mountain range, 0 a plain. */
  roughness: number;
  fill: string;
}

/** A line of hills from edge to edge, closed at the bottom. */
function ridge(random: Random, { y, height, roughness, fill }: Ridge): string {
  const points: string[] = [];
  const steps = roughness > 0.5 ? 9 : 4;
  for (let step = 0; step <= steps; step++) {
    const x = round((step * side) / steps);
    const top = round(y - (step % 2 === 0 ? random() * 0.35 : 0.4 + random() * 0.6) * height * roughness);
    points.push(
      roughness > 0.5 ? `L${x} ${top}` : `${step === 0 ? "L" : `S${round(x - 40)} ${top} `}${x} ${top}`,
    );
  }
  return `<path d="M0 ${side} ${points.join(" ")} L${side} ${side} Z" fill="${fill}"/>`;
}

function land(random: Random, { ground }: Palette, mood: keyof typeof palettes): string[] {
  const roughness = mood === "desert" ? 0.3 : 0.42;
  return [
    ridge(random, { y: horizon + 20, height: 120, roughness, fill: ground[1] }),
    ridge(random, { y: horizon + 85, height: 120, roughness, fill: ground[2] }),
    ridge(random, { y: horizon + 150, height: 100, roughness, fill: ground[3] }),
  ];
}

function sea(random: Random, { ground, light }: Palette, hasSails: boolean): string[] {
  const water = `<rect y="${horizon}" width="${side}" height="${side - horizon}" fill="${ground[2]}"/>`;
  const waves = repeat(38, () => {
    const y = between(random, horizon + 6, side);
    const near = (y - horizon) / (side - horizon);
    return `<rect x="${between(random, -20, side)}" y="${y}" width="${round(20 + near * 80 * random())}" height="${round(1 + near * 2)}" rx="1" fill="${light}" opacity="${between(random, 0.08, 0.3)}"/>`;
  });
  const boats = hasSails
    ? repeat(3, (index) => {
        const x = 90 + index * 150 + between(random, -30, 30);
        const y = horizon + 24 + between(random, 0, 70);
        const size = round(0.7 + (y - horizon) / 90);
        return `<g transform="translate(${round(x)} ${round(y)}) scale(${size})" fill="${ground[3]}"><path d="M-16 0h32l-6 8h-20z"/><path d="M-1 -3v-38l-15 36z" fill="${light}"/><path d="M2 -3v-32l13 30z" fill="${light}" opacity="0.75"/></g>`;
      })
    : "";
  return [water, waves, boats];
}

function city(random: Random, { ground, light }: Palette, isLit: boolean): string {
  let houses = "";
  for (let x = -10; x < side; ) {
    const width = between(random, 22, 52);
    const top = between(random, 170, 340);
    houses += `<rect x="${round(x)}" y="${top}" width="${width}" height="${side - top}" fill="${ground[random() < 0.5 ? 2 : 3]}"/>`;
    for (let y = top + 10; y < side - 20; y += 16) {
      for (let window = x + 6; window < x + width - 8; window += 12) {
        if (random() < (isLit ? 0.45 : 0.2))
          houses += `<rect x="${round(window)}" y="${round(y)}" width="5" height="7" fill="${light}" opacity="${isLit ? 0.85 : 0.4}"/>`;
      }
    }
    x += width + between(random, -4, 6);
  }
  return houses;
}

function forest(random: Random, { ground }: Palette): string {
  return repeat(34, (index) => {
    const x = (index / 33) * (side + 40) - 20 + between(random, -8, 8);
    const foot = between(random, side - 70, side + 10);
    const height = between(random, 60, 130);
    const width = round(height * 0.42);
    return `<path d="M${round(x)} ${round(foot - height)}l${round(width / 2)} ${round(height)}h-${width}z" fill="${ground[3]}" opacity="${between(random, 0.75, 1)}"/>`;
  });
}

/** Numbers from 0 to 1 that follow from a text (mulberry32). */
function randomOf(text: string): Random {
  let state = createHash("sha256").update(text.trim().toLowerCase()).digest().readUInt32LE();
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function between(random: Random, least: number, most: number): number {
  return round(least + random() * (most - least));
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

function repeat(count: number, draw: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => draw(index)).join("");
}
