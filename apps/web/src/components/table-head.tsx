import type { ReactNode } from "react";

interface Column {
  name: ReactNode;
  /** Numbers stand on the right. */
  isNumber?: boolean;
  /** On a phone, the column is left out. */
  isWide?: boolean;
}

/** The names of a table's columns. */
export function TableHead({ columns }: { columns: readonly Column[] }) {
  return (
    <thead className="text-left text-ink-soft">
      <tr className="border-b border-line">
        {columns.map(({ name, isNumber, isWide }, index) => (
          <th
            // biome-ignore lint/suspicious/noArrayIndexKey: a column is its place
            key={index}
            scope="col"
            className={`pb-2 font-medium not-last:pr-4 ${isNumber ? "text-right" : ""} ${isWide ? "hidden sm:table-cell" : ""}`}
          >
            {name}
          </th>
        ))}
      </tr>
    </thead>
  );
}
