import { Page, SkeletonLines } from "@/ui";

export default function PlaygroundPage() {
  return (
    <Page title="Playground">
      <SkeletonLines />
    </Page>
  );
}
