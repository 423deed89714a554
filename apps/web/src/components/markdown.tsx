import { Fragment, type ReactNode } from "react";

type Block =
  | { kind: "heading" | "paragraph" | "code"; text: string }
  | { kind: "list"; isNumbered: boolean; start: number; items: string[] };

const bullet = /^\s*[-*•]\s+(.*)$/;
const numbered = /^\s*(\d{1,6})[.)]\s+(.*)$/;
const heading = /^#{1,6}\s+(.*)$/;
const fence = /^\s*```/;

/**
 * The part of Markdown that answers are asked to use: paragraphs, headings, lists, code, bold and italics. What a model wrote
 * becomes text and nothing else: no HTML, no link, no image.
 */
export function Markdown({ text }: { text: string }) {
  return (
    <div className="grid gap-4 text-base/7 break-words [&>*]:min-w-0">
      {parseBlocks(text).map((block, index) => (
        // Blocks are only ever added at the end, so that their place names them.
        // biome-ignore lint/suspicious/noArrayIndexKey: see above
        <BlockView key={index} block={block} />
      ))}
    </div>
  );
}

function BlockView({ block }: { block: Block }) {
  switch (block.kind) {
    case "heading":
      return <p className="mt-2 font-semibold tracking-tight">{inline(block.text)}</p>;
    case "code":
      return (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
        <pre tabIndex={0} className="overflow-x-auto rounded-lg bg-sunken p-4 font-mono text-sm/6">
          {block.text}
        </pre>
      );
    case "list": {
      const items = block.items.map((item, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: see above
        <li key={index} className="pl-1">
          {inline(item)}
        </li>
      ));
      return block.isNumbered ? (
        <ol start={block.start} className="grid list-decimal gap-1.5 pl-6 marker:text-ink-soft">
          {items}
        </ol>
      ) : (
        <ul className="grid list-disc gap-1.5 pl-6 marker:text-ink-soft">{items}</ul>
      );
    }
    default:
      return <p className="whitespace-pre-line">{inline(block.text)}</p>;
  }
}

/** Blocks of a text, which may end anywhere: it is still being written. */
export function parseBlocks(text: string): Block[] {
  const blocks: Block[] = [];
  let isOpen = false;
  let isCode = false;
  for (const line of text.split("\n")) {
    const last = blocks.at(-1);
    if (fence.test(line)) {
      if (!isCode) blocks.push({ kind: "code", text: "" });
      isCode = !isCode;
      isOpen = false;
    } else if (isCode) {
      if (last?.kind === "code") last.text += last.text === "" ? line : `\n${line}`;
    } else if (line.trim() === "") {
      isOpen = false;
    } else {
      isOpen = addLine(blocks, line, isOpen);
    }
  }
  return blocks;
}

/** @returns whether the next line may continue the block */
function addLine(blocks: Block[], line: string, isOpen: boolean): boolean {
  const last = blocks.at(-1);
  const title = heading.exec(line)?.[1];
  const number = numbered.exec(line);
  const item = number?.[2] ?? bullet.exec(line)?.[1];
  if (title !== undefined) {
    blocks.push({ kind: "heading", text: title });
    return false;
  }
  if (item !== undefined) {
    const isNumbered = number !== null;
    if (last?.kind === "list" && last.isNumbered === isNumbered) last.items.push(item);
    else blocks.push({ kind: "list", isNumbered, start: Number(number?.[1] ?? 1), items: [item] });
    return true;
  }
  if (isOpen && last?.kind === "paragraph") last.text += `\n${line}`;
  else if (isOpen && last?.kind === "list") last.items.push(`${last.items.pop() ?? ""} ${line.trim()}`);
  else blocks.push({ kind: "paragraph", text: line });
  return true;
}

const marks = /(\*\*[^*\n]+\*\*|`[^`\n]+`|\*[^*\s][^*\n]*\*)/;

function inline(text: string): ReactNode {
  return text.split(marks).map((piece, index) => {
    // biome-ignore lint/suspicious/noArrayIndexKey: pieces are only ever added at the end
    return <Fragment key={index}>{marked(piece)}</Fragment>;
  });
}

function marked(piece: string): ReactNode {
  if (piece.length > 4 && piece.startsWith("**") && piece.endsWith("**"))
    return <strong className="font-semibold">{piece.slice(2, -2)}</strong>;
  if (piece.length > 2 && piece.startsWith("`") && piece.endsWith("`"))
    return (
      <code className="rounded bg-sunken px-1.5 py-0.5 font-mono text-[0.875em]">{piece.slice(1, -1)}</code>
    );
  if (piece.length > 2 && piece.startsWith("*") && piece.endsWith("*")) return <em>{piece.slice(1, -1)}</em>;
  return piece;
}
