"""Recipe + registry -> plan: every name resolved, every parameter checked. No TensorFlow here."""

from __future__ import annotations

from fashionbatch.plan.advice import advice
from fashionbatch.plan.make import load_plan, make_plan, plan_from_text
from fashionbatch.plan.model import Plan, PlannedPhase, Resolved, resolved_yaml, whole_yaml
from fashionbatch.plan.unused import unused

__all__ = [
    "Plan",
    "PlannedPhase",
    "Resolved",
    "advice",
    "load_plan",
    "make_plan",
    "plan_from_text",
    "resolved_yaml",
    "unused",
    "whole_yaml",
]
