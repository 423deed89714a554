import type { Metadata } from "next";
import Link from "next/link";
import { CredentialsForm } from "../credentials-form";

export const metadata: Metadata = { title: "Sign in" };

export default function SignInPage() {
  return (
    <>
      <h1 className="text-2xl font-semibold tracking-tight">Sign in</h1>
      <p className="mt-2 text-sm text-ink-soft">
        No account yet?{" "}
        <Link
          href="/sign-up"
          className="rounded font-medium whitespace-nowrap text-accent underline underline-offset-4"
        >
          Create one
        </Link>
      </p>
      <CredentialsForm purpose="sign-in" />
    </>
  );
}
