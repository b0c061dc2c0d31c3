import { Component, type ReactNode } from "react";

import { Button } from "@/ui/button";
import { Notice } from "@/ui/notice";

interface Props {
  /** Another value tries again, such as the address. */
  at?: string;
  children: ReactNode;
}

/** A page that fails says so, and the rest of the console goes on. */
export class ErrorBoundary extends Component<Props, { error: Error | null }> {
  override state = { error: null as Error | null };

  static getDerivedStateFromError(error: Error) {
    return { error };
  }

  override componentDidUpdate(before: Props) {
    if (before.at !== this.props.at && this.state.error !== null) this.setState({ error: null });
  }

  override render() {
    const { error } = this.state;
    if (error === null) return this.props.children;
    // A chunk of an earlier build: the server was updated while the page was open.
    const stale = /dynamically imported module|Importing a module/.test(error.message);
    return (
      <div className="mx-auto mt-16 max-w-xl px-4">
        <Notice
          level="error"
          title={stale ? "The console has been updated" : "This page has failed"}
          action={
            <Button size="sm" onClick={() => location.reload()}>
              Reload
            </Button>
          }
        >
          {stale ? "Load the page again to go on." : error.message}
        </Notice>
      </div>
    );
  }
}
