import { Wordmark } from "@/shell/Wordmark";
import { useTitle } from "@/lib/useTitle";

export default function SignInPage() {
  useTitle("Sign in");
  return (
    <main className="mx-auto flex min-h-dvh max-w-md flex-col justify-center px-4">
      <Wordmark />
    </main>
  );
}
