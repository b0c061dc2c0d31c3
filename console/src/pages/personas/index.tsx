import { Page, SkeletonLines } from "@/ui";

export default function PersonasPage() {
  return (
    <Page title="Personas">
      <SkeletonLines />
    </Page>
  );
}
