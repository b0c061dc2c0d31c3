import { Page, SkeletonLines } from "@/ui";

export default function CallsPage() {
  return (
    <Page title="Calls">
      <SkeletonLines />
    </Page>
  );
}
