import type { SearchParameters } from "@/history/filter";

/** What had been typed into a form before it was refused: it stands in the address, and is typed again. */
export function typedBefore(parameters: SearchParameters, form: string): (name: string) => string {
  const isRefused = parameters.problem !== undefined && parameters.form === form;
  return (name) => {
    const value = parameters[name];
    return isRefused && typeof value === "string" ? value : "";
  };
}
