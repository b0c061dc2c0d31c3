import { Page, SkeletonLines } from "@/ui";

export default function CallPage() {
  return (
    <Page title="Call">
      <SkeletonLines />
    </Page>
  );
}
