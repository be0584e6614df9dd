# Teaches ministack the type AWS::Budgets::Budget: it has the service AWS Budgets, and no handler of CloudFormation's for it.
# Templates stay as they are rendered, and a stack really makes, changes and deletes its budget.
from ministack.services import budgets
from ministack.services.cloudformation.provisioners import _RESOURCE_HANDLERS

# What only a new budget can have, by the type's schema (createOnlyProperties).
def _identity(properties):
    return properties["Budget"]["BudgetName"], properties.get("NotificationsWithSubscribers")


def _checked(answer):
    status, _, body = answer
    if status >= 400:
        raise ValueError(body.decode())


def _create(logical_id, properties, stack_name):
    names = ("Budget", "NotificationsWithSubscribers", "ResourceTags")
    _checked(budgets._create_budget({name: properties[name] for name in names if name in properties}))
    return properties["Budget"]["BudgetName"], {}


def _delete(physical_id, properties):
    _checked(budgets._delete_budget({"BudgetName": physical_id}))


def _update(physical_id, before, after, stack_name):
    if _identity(before) == _identity(after):
        _checked(budgets._update_budget({"NewBudget": after["Budget"]}))
        return physical_id, {}
    made = _create(None, after, stack_name)
    _delete(physical_id, before)
    return made


_RESOURCE_HANDLERS["AWS::Budgets::Budget"] = {"create": _create, "update": _update, "delete": _delete}
