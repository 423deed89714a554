import { useId } from "react";

interface TextFieldProps {
  label: string;
  name: string;
  type: "text" | "email" | "password";
  autoComplete: string;
  hint?: string;
  minLength?: number;
  maxLength?: number;
}

/** A labelled, required line of text. */
export function TextField({ label, hint, ...input }: TextFieldProps) {
  const id = useId();
  return (
    <div className="grid gap-1.5">
      <label htmlFor={id} className="text-sm font-medium">
        {label}
      </label>
      <input
        id={id}
        required
        aria-describedby={hint ? `${id}-hint` : undefined}
        className="h-10 w-full rounded-lg border border-line-strong bg-surface px-3 text-base sm:text-sm"
        {...input}
      />
      {hint && (
        <p id={`${id}-hint`} className="text-xs text-ink-soft">
          {hint}
        </p>
      )}
    </div>
  );
}
