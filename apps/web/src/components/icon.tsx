const paths = {
  send: "M8 13V3M3.5 7.5 8 3l4.5 4.5",
  down: "M8 3v10M3.5 8.5 8 13l4.5-4.5",
  chevron: "m4 6 4 4 4-4",
  copy: "M5.5 5.5V3.2c0-.4.3-.7.7-.7h6.6c.4 0 .7.3.7.7v6.6c0 .4-.3.7-.7.7h-2.3M3.2 5.5h6.6c.4 0 .7.3.7.7v6.6c0 .4-.3.7-.7.7H3.2a.7.7 0 0 1-.7-.7V6.2c0-.4.3-.7.7-.7Z",
  check: "m3 8.5 3.2 3.2L13 4.8",
  download: "M8 2.5v7.5M4.5 7 8 10.5 11.5 7M3 13.5h10",
  coins:
    "M8 3.2c2.9 0 5 .9 5 2s-2.1 2-5 2-5-.9-5-2 2.1-2 5-2ZM3 5.2V8c0 1.1 2.1 2 5 2s5-.9 5-2V5.2M3 8v2.8c0 1.1 2.1 2 5 2s5-.9 5-2V8",
  settings:
    "M8 10a2 2 0 1 0 0-4 2 2 0 0 0 0 4ZM8 2v1.5M8 12.5V14M2 8h1.5M12.5 8H14M3.8 3.8l1 1M11.2 11.2l1 1M12.2 3.8l-1 1M4.8 11.2l-1 1",
  card: "M3 4h10c.6 0 1 .4 1 1v6c0 .6-.4 1-1 1H3c-.6 0-1-.4-1-1V5c0-.6.4-1 1-1ZM2 7h12M4.5 9.8h3",
  chat: "M13.5 7.8c0 2.7-2.5 4.7-5.5 4.7-.7 0-1.4-.1-2-.3L2.8 13.2l.9-2.4a4.5 4.5 0 0 1-1.2-3C2.5 5 5 3 8 3s5.5 2 5.5 4.8Z",
  image:
    "M3.2 2.8h9.6c.4 0 .7.3.7.7v9c0 .4-.3.7-.7.7H3.2a.7.7 0 0 1-.7-.7v-9c0-.4.3-.7.7-.7ZM2.7 11l3.1-3.3 2.6 2.7 1.8-1.7 3.1 3M10.2 6.2h.01",
} as const;

export type IconName = keyof typeof paths | "stop";

/** Decoration: whatever it stands for is also said in words. */
export function Icon({ name, className = "size-4" }: { name: IconName; className?: string }) {
  return (
    <svg
      viewBox="0 0 16 16"
      className={className}
      fill="none"
      stroke="currentColor"
      strokeWidth="1.5"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      {name === "stop" ? (
        <rect x="4" y="4" width="8" height="8" rx="1.5" fill="currentColor" stroke="none" />
      ) : (
        <path d={paths[name]} />
      )}
    </svg>
  );
}
