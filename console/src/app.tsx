/** All routes. Each page is a chunk of its own, loaded when it is first shown. */
import { lazy, Suspense } from "react";
import { Redirect, Route, Router, Switch, useLocation } from "wouter";

import { useMe } from "./api/queries";
import { ApiError } from "./api/problem";
import { ErrorBoundary } from "./shell/ErrorBoundary";
import { NotFound } from "./shell/NotFound";
import { Shell } from "./shell/Shell";
import { LoadError } from "./ui/page";
import { Spinner } from "./ui/spinner";
import { Toaster } from "./ui/toast";

const SignIn = lazy(() => import("./pages/signin"));
const Welcome = lazy(() => import("./pages/signin/welcome"));
const Playground = lazy(() => import("./pages/playground"));
const Personas = lazy(() => import("./pages/personas"));
const Persona = lazy(() => import("./pages/personas/persona"));
const Calls = lazy(() => import("./pages/calls"));
const Call = lazy(() => import("./pages/calls/call"));
const Account = lazy(() => import("./pages/account"));

export function App() {
  return (
    <Router base="/console">
      <ErrorBoundary>
        <Suspense fallback={<Waiting />}>
          <Switch>
            <Route path="/signin" component={SignIn} />
            <Route path="/welcome" component={Welcome} />
            <Route path="*" component={SignedIn} />
          </Switch>
        </Suspense>
      </ErrorBoundary>
      <Toaster />
    </Router>
  );
}

function SignedIn() {
  const me = useMe();
  const [location] = useLocation();
  if (me.error instanceof ApiError && me.error.status === 401) {
    const back = location === "/" ? "" : `?to=${encodeURIComponent(location)}`;
    return <Redirect to={`/signin${back}`} replace />;
  }
  if (me.data === undefined) {
    if (!me.isError) return <Waiting />;
    return (
      <main className="mx-auto mt-[20vh] max-w-lg px-4">
        <LoadError error={me.error} retry={() => void me.refetch()} />
      </main>
    );
  }
  return (
    <Shell>
      <ErrorBoundary at={location}>
        <Suspense fallback={<Waiting />}>
          <Switch>
            <Route path="/">
              <Redirect to="/playground" replace />
            </Route>
            <Route path="/playground/:id?" component={Playground} />
            <Route path="/personas" component={Personas} />
            <Route path="/personas/:id/:part?" component={Persona} />
            <Route path="/calls" component={Calls} />
            <Route path="/calls/:id" component={Call} />
            <Route path="/account" component={Account} />
            <Route>
              <NotFound />
            </Route>
          </Switch>
        </Suspense>
      </ErrorBoundary>
    </Shell>
  );
}

function Waiting() {
  return (
    <div role="status" className="flex justify-center py-24 text-muted">
      <Spinner className="size-6" />
      <span className="sr-only">Loading</span>
    </div>
  );
}
