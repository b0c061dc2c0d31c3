import type { ReactNode } from "react";

import { cx } from "@/lib/cx";

export interface Column<T> {
  head: ReactNode;
  cell: (row: T) => ReactNode;
  /** Numbers stand at the right. */
  numeric?: boolean;
  /** Left out on phones. */
  wideOnly?: boolean;
  className?: string;
}

export interface TableProps<T> {
  /** What the table is of, read aloud. */
  caption: string;
  columns: Column<T>[];
  rows: readonly T[];
  rowKey: (row: T) => string;
  /** A click anywhere in the row; put a link into a cell as well, for the keyboard. */
  onRow?: (row: T) => void;
  className?: string;
}

export function Table<T>({ caption, columns, rows, rowKey, onRow, className }: TableProps<T>) {
  const edge = (column: Column<T>) =>
    cx(
      "px-4 first:sm:pl-5 last:sm:pr-5",
      column.numeric ? "text-right" : "text-left",
      column.wideOnly && "hidden md:table-cell",
      column.className,
    );
  return (
    <div className={cx("overflow-x-auto", className)}>
      <table className="w-full text-sm">
        <caption className="sr-only">{caption}</caption>
        <thead>
          <tr className="border-y border-line bg-sunken/60 text-xs text-muted">
            {columns.map((column, at) => (
              <th key={at} scope="col" className={cx("py-2 font-medium", edge(column))}>
                {column.head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr
              key={rowKey(row)}
              onClick={onRow && (() => onRow(row))}
              className={cx(
                "border-b border-line last:border-b-0",
                onRow && "cursor-pointer hover:bg-hover/60",
              )}
            >
              {columns.map((column, at) => (
                <td key={at} className={cx("py-3 align-middle", edge(column))}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
